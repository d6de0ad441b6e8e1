// Package remedy holds the only table from an action of a fault to the line that a
// person types to do it. Only what runs beside this controller imports it: a host
// names actions, and an agent may be older or newer than the lines.
package remedy

import (
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Words returns the words of the line to type for the action, none for an action that
// this version does not know. No word has a blank or steers a shell.
func Words(a fault.Action) []string {
	switch a {
	case fault.Recover:
		return ours("recover")
	case fault.RecoverAsRoot:
		return append([]string{"sudo"}, ours("recover")...)
	case fault.ListReceipts:
		return ours("history")
	case fault.RegistryHealth:
		return ours("artifact-registry", "health")
	case fault.RegistryStatus:
		return ours("artifact-registry", "status")
	case fault.RegistryInstall:
		return ours("artifact-registry", "install")
	case fault.RegistryRender:
		return ours("artifact-registry", "render")
	case fault.ListServices:
		return ours("services")
	case fault.Examine:
		return ours("doctor")
	default:
		return nil
	}
}

func ours(words ...string) []string { return append([]string{"unidesk-controller"}, words...) }

// Line returns the line to type for the action, "" for an action that this version
// does not know.
func Line(a fault.Action) string { return strings.Join(Words(a), " ") }

// Text returns the text with the line of each action in the place of its mark.
func Text(s string) string {
	for _, a := range fault.Actions() {
		s = strings.ReplaceAll(s, a.Mark(), Line(a))
	}
	return s
}

// Report returns the error's report with the line of its action in the hint.
func Report(err error) fault.Report {
	r := fault.ReportOf(err)
	r.Hint = Text(r.Hint)
	line := Line(r.Action)
	switch {
	case line == "":
		r.Hint = strings.TrimRight(r.Hint, "\n")
	case r.Hint == "" || strings.HasSuffix(r.Hint, "\n"):
		r.Hint += line
	case r.From != "": // on no line of a host
		r.Hint += "\n" + line
	default:
		r.Hint += ": " + line
	}
	return r
}

// Hint returns the hint of the error's report.
func Hint(err error) string { return Report(err).Hint }
