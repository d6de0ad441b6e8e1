package cli

import (
	"bytes"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/bootstrap"
	"github.com/pikasTech/unidesk-artifact-cd/internal/build"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/doctor"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/registryanswer"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/setupanswer"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/explain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
)

// What identifies a deploy, with the longest names that there are.
const (
	longService = "code-queue-scheduler"
	longCommit  = "0123456789abcdef0123456789abcdef01234567"
	longLine    = "unidesk-controller artifact-registry deploy-service --service code-queue-scheduler --env prod --commit " + longCommit + " --run-now"
)

// likely are words that a field of a name has. Any other field is a sentence.
var likely = map[string]string{
	"Service": longService, "Env": "prod", "Host": "D601", "Name": "project-manager", "Who": "somebody-of-operations@master (1000)", "Holder": "ci@master",
	"Commit": longCommit, "Wanted": longCommit, "Digest": artifact.DigestOf(nil).String(), "ID": "20260701T115200Z-00000001", "Run": "20260701T115200Z-00000001",
	"Short": "unidesk-dev/code-queue-scheduler-dev", "Modes": "unsupported", "Shapes": "master-compose", "Gates": "supervisor-required", "Standing": "rolled back",
	"State": "unconfirmed", "Rollback": longLine, "Reason": "CONTRACT_MISMATCH", "AgentVersion": "v0.10.0-rc.1", "Outcome": "revert-failed", "Kind": "upstream-image",
	"Message": "the host does not answer: `ssh D601 true` tells more, and nothing of code-queue-scheduler was changed there",
	"Hint":    "on D601, as root: systemctl start unidesk-agent.socket; systemctl status unidesk-agent.socket unidesk-agent.service",
	"Fix":     "look at the file, then give it one name: cp -p /etc/unidesk/controller.yaml /etc/unidesk/controller.yaml.own",
	"Now":     "what ran before runs", "Next": longLine, "Version": "v0.10.0-rc.1", "Transport": "ssh D601", "Point": "transfer", "To": "webhook", "Decision": "unsupported",
}

// fill puts likely words into every field of a value.
func fill(v reflect.Value, field string) {
	var of any
	switch v.Interface().(type) {
	case artifact.ServiceID:
		of, _ = artifact.ParseServiceID(longService)
	case artifact.Commit:
		of, _ = artifact.ParseCommit(longCommit)
	case artifact.Digest:
		of = artifact.DigestOf(nil)
	case artifact.Env:
		of = artifact.Prod
	case time.Time:
		of = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	case contract.Command:
		of, _ = contract.ParseCommand(longLine)
	}
	if of != nil {
		v.Set(reflect.ValueOf(of))
		return
	}
	switch v.Kind() {
	case reflect.String:
		word, ok := likely[field]
		if !ok {
			word = "container project-manager-backend on D601 runs 0123456789ab, and its environment names another commit than code-queue-scheduler-dev"
		}
		v.SetString(word)
	case reflect.Int, reflect.Int64:
		v.SetInt(40_000_000)
	case reflect.Float64:
		v.SetFloat(123.4)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), field)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), field)
		fill(v.Index(1), field)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, "Env")
		fill(value, field)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), v.Type().Field(i).Name)
			}
		}
	}
}

func filled[T any]() (v T) {
	fill(reflect.ValueOf(&v).Elem(), "")
	return v
}

// answers are those that have a table or fields, by their command.
func answers() map[string]present.Answer {
	r := filled[contract.Result]()
	promise, plan, good := r, r, r
	promise.DryRun, plan.Decision = true, contract.DecidedReady
	good.OK, good.Failure = true, nil
	past := filled[inventory.Past]()
	past.Outcome = ledger.RevertFailed
	report := filled[registryanswer.Result]()
	well := report
	well.Failure = nil
	return map[string]present.Answer{
		"deploy-service --run-now":  present.Deployed(r),
		"deploy-service --dry-run":  present.Deployed(promise),
		"deploy-service":            present.Deployed(plan),
		"prefetch":                  present.Deployed(good),
		"recover":                   present.Recovered(filled[[]contract.Recovery]()),
		"deploy apply":              present.Reconciled(filled[contract.Reconciliation]()),
		"deploy diff":               present.Compared(filled[contract.Comparison]()),
		"rollback":                  present.Rollback(filled[inventory.RollbackOptions]()),
		"services":                  present.Services(filled[[]inventory.Service]()),
		"services NAME":             present.Service(filled[inventory.Service]()),
		"history":                   present.History([]inventory.Past{past}),
		"history --all":             present.Attempts(filled[[]inventory.Attempt](), false),
		"history show":              present.Receipt(past.Receipt, &notify.Claim{By: "run", Deliveries: filled[[]notify.Delivery]()}),
		"logs --run":                present.Run(filled[journal.Run](), filled[[]journal.Line]()),
		"notify test":               present.Sent(filled[[]notify.Delivery]()),
		"artifact-registry list":    present.Shelves(filled[[]inventory.Shelf]()),
		"artifact-registry catalog": present.Coverage(filled[inventory.ThreeWay]()),
		"artifact-registry plan":    registryanswer.Plan(filled[inventory.RegistryPlan]()),
		"artifact-registry status":  registryanswer.Report(well),
		"artifact-registry health":  registryanswer.Report(report),
		"artifact-registry install": registryanswer.DryRun(site.Config{RegistryHost: "D601"}, "the defaults"),
		"status":                    present.Status(filled[overview.Status]()),
		"host bootstrap":            setupanswer.Bootstrapped("D601", "v1", filled[bootstrap.Result]()),
		"host list":                 setupanswer.Hosts(filled[[]site.HostRow]()),
		"version":                   setupanswer.VersionOfAll(build.Info{Version: "v1"}, filled[[]site.HostRow]()),
		"doctor":                    setupanswer.Diagnosed(filled[doctor.Diagnosis]()),
		"explain":                   setupanswer.AllExplained(explain.All()),
		"a refusal":                 present.Refused(r, false),
	}
}

// shown is the text of an answer on a terminal of so many columns, 0 for a pipe.
func shown(t *testing.T, columns int, form string, answer present.Answer) string {
	t.Helper()
	t.Setenv("COLUMNS", strconv.Itoa(columns))
	var out bytes.Buffer
	if err := answer.Print(terminal.Fitted(&out, strings.Clone), form); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// pasted is a value of which a person pastes all.
var pasted = regexp.MustCompile("^(`[^`]+`[.,:;]?|(fix: |next: )?(unidesk-controller|systemctl|cp|docker|printf|ssh-keygen) .*)$")

var (
	// named is the name of a field.
	named = regexp.MustCompile("^  .{14} ")
	// changing is what is new in each statement to sign.
	changing = regexp.MustCompile(`(expires|nonce): [0-9a-fTZ:-]+`)
)

// fit holds the text of a command on a terminal against the text on a pipe. No line is wider than
// the terminal but one to paste, one of a single word and the logs of a container; no word is broken, and none is lost
// but those of a line that ends with an ellipsis; what identifies a deploy is whole.
func fit(t *testing.T, name string, columns int, whole, text string) {
	t.Helper()
	head := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if name := strings.TrimSpace(named.FindString(line)); name != "" {
			head = name
		}
		if head == "logs" {
			continue
		}
		value, field := strings.TrimSpace(line), strings.TrimSpace(named.ReplaceAllString(line, ""))
		alone := func(s string) bool { return len(strings.Fields(s)) == 1 || pasted.MatchString(s) }
		if terminal.Width(line) > columns && !alone(value) && !alone(field) {
			t.Errorf("%s: %d columns of %d: %s", name, terminal.Width(line), columns, line)
		}
	}
	left := map[string]int{}
	for _, word := range strings.Fields(whole) {
		left[word]++
	}
	cut := false
	for _, word := range strings.Fields(text) {
		left[word]--
		if cut = cut || strings.HasSuffix(word, "…"); left[word] < 0 && !strings.HasSuffix(word, "…") {
			t.Errorf("%s in %d columns: %q is no word of\n%s", name, columns, word, whole)
		}
	}
	facts := []string{longService, longCommit, longCommit[:12], "prod"}
	for word, n := range left {
		if n > 0 && (!cut || slices.Contains(facts, word) && !strings.Contains(text, word)) {
			t.Errorf("%s in %d columns: %q is missing %d times in\n%s", name, columns, word, n, text)
		}
	}
	if got, want := strings.Count(text, longLine), strings.Count(whole, longLine); got != want {
		t.Errorf("%s in %d columns: %d lines to paste, want %d:\n%s", name, columns, got, want, text)
	}
}

func TestEveryTextFitsTheTerminal(t *testing.T) {
	for name, answer := range answers() {
		whole := shown(t, 0, present.Text, answer)
		for _, columns := range []int{80, 100} {
			fit(t, name, columns, whole, shown(t, columns, present.Text, answer))
		}
		if wide := shown(t, 80, present.Wide, answer); strings.Contains(wide, "…") {
			t.Errorf("%s is cut though it is wide:\n%s", name, wide)
		}
	}
}

// The texts that need no host fit, too, with the words of the catalog and of all reasons.
func TestTheTextsOfTheCatalogFitTheTerminal(t *testing.T) {
	w := watch(t)
	t.Setenv("CLICOLOR_FORCE", "")
	lines := [][]string{{"services"}, {"artifact-registry", "plan"}, {"artifact-registry", "install", "--dry-run"}, {"explain"}}
	for _, reason := range explain.All() {
		lines = append(lines, []string{"explain", string(reason.Reason)})
	}
	builtin, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range builtin.Services() {
		service := id.String()
		lines = append(lines, []string{"services", service})
		for _, env := range artifact.Envs() {
			lines = append(lines, []string{"artifact-registry", "deploy-service", "--service", service, "--env", env.String(), "--commit", longCommit, "--dry-run"})
		}
	}
	for _, args := range lines {
		printed := func(columns int) string {
			t.Setenv("COLUMNS", strconv.Itoa(columns))
			_, out, stderr := w.run(t, args...)
			return changing.ReplaceAllString(out+stderr, "$1: 0")
		}
		whole := printed(0)
		for _, columns := range []int{80, 100} {
			fit(t, strings.Join(args, " "), columns, whole, printed(columns))
		}
	}
}
