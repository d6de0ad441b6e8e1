// Package schema describes, as JSON Schema, what each command prints with -o json. It makes
// the schema from the Go types that are printed, so that it cannot name a key that is not
// there. The danger is a command that answers with a type that its row does not have: the
// stories of cmd/controller compare each answer with the schema of its command.
package schema

import (
	"reflect"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/doctor"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/document"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/registryanswer"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/setupanswer"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/explain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
)

// form is a command, by its words, and the types that it answers with.
type form struct {
	command string
	answers []reflect.Type
}

func list[T any]() reflect.Type { return reflect.TypeFor[document.List[T]]() }

// forms returns each command that prints JSON. An answer that each command may give, a
// [present.Refusal], is in no row.
func forms() []form {
	result, report := reflect.TypeFor[contract.Result](), reflect.TypeFor[registryanswer.Result]()
	all := func(command string, answers ...reflect.Type) form { return form{command, answers} }
	return []form{
		all("artifact-registry catalog", reflect.TypeFor[inventory.ThreeWay]()),
		all("artifact-registry deploy-backend-core", result),
		all("artifact-registry deploy-service", result),
		all("artifact-registry health", report),
		all("artifact-registry install", report, reflect.TypeFor[registryanswer.DryRunResult]()),
		all("artifact-registry list", list[inventory.Shelf]()),
		all("artifact-registry plan", reflect.TypeFor[inventory.RegistryPlan]()),
		all("artifact-registry prefetch", result),
		all("artifact-registry render", reflect.TypeFor[registryanswer.Rendering]()),
		all("artifact-registry status", report),
		all("catalog check", reflect.TypeFor[present.CatalogChecked]()),
		all("catalog print", reflect.TypeFor[present.Printed]()),
		all("config view", reflect.TypeFor[setupanswer.Configuration]()),
		all("deploy apply", result, reflect.TypeFor[contract.Reconciliation]()),
		all("deploy diff", reflect.TypeFor[contract.Comparison]()),
		all("deploy plan", result, reflect.TypeFor[contract.Reconciliation]()),
		all("doctor", reflect.TypeFor[doctor.Diagnosis]()),
		all("explain", reflect.TypeFor[setupanswer.Explanation](), list[explain.Entry]()),
		all("history", list[inventory.Past](), list[inventory.Attempt]()),
		all("history show", reflect.TypeFor[present.ShownReceipt]()),
		all("host bootstrap", reflect.TypeFor[setupanswer.Installed]()),
		all("host list", list[site.HostRow]()),
		all("host placement", reflect.TypeFor[present.Printed]()),
		all("logs", reflect.TypeFor[present.Tailed](), reflect.TypeFor[present.RunLog](), reflect.TypeFor[present.Followed]()),
		all("metrics", reflect.TypeFor[present.Measured]()),
		all("notify test", list[notify.Delivery]()),
		all("recover", list[contract.Recovery](), result),
		all("rollback", reflect.TypeFor[inventory.RollbackOptions](), result),
		all("schema", list[Described]()),
		all("services", list[inventory.Service]()),
		all("status", reflect.TypeFor[overview.Status]()),
		all("verify", result),
		all("version", reflect.TypeFor[setupanswer.Versions]()),
	}
}

// Commands returns the commands that print JSON, by their words behind the name of the program.
func Commands() (all []string) {
	for _, f := range forms() {
		all = append(all, f.command)
	}
	return all
}

// Lists reports whether a command answers with items.
func Lists(command string) bool {
	return slices.ContainsFunc(answersOf(command), func(t reflect.Type) bool {
		f, ok := t.FieldByName("Items")
		return ok && f.Tag.Get("json") == "items"
	})
}

// answersOf returns the types that a command answers with, nil for no command that prints JSON.
func answersOf(command string) []reflect.Type {
	for _, f := range forms() {
		if f.command == strings.TrimSpace(command) {
			return f.answers
		}
	}
	return nil
}
