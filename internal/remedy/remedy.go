// Package remedy holds the only table from an action of a fault to the line that a
// person types to do it. Only what runs beside this controller imports it: a host
// names actions, and an agent may be older or newer than the lines.
package remedy

import (
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Line returns the line to type for the action, "" for an action that this version
// does not know.
func Line(a fault.Action) string {
	switch a {
	case fault.Recover:
		return "unidesk-controller recover"
	case fault.ListReceipts:
		return "unidesk-controller history"
	case fault.RegistryHealth:
		return "unidesk-controller artifact-registry health"
	case fault.RegistryStatus:
		return "unidesk-controller artifact-registry status"
	default:
		return ""
	}
}

// Report returns the error's report with the line of its action in the hint.
func Report(err error) fault.Report {
	r := fault.ReportOf(err)
	line := Line(r.Action)
	switch {
	case line == "":
		r.Hint = strings.TrimRight(r.Hint, "\n")
	case r.Hint == "" || strings.HasSuffix(r.Hint, "\n"):
		r.Hint += line
	default:
		r.Hint += ": " + line
	}
	return r
}

// Hint returns the hint of the error's report.
func Hint(err error) string { return Report(err).Hint }
