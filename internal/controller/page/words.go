package page

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// words returns the functions of the templates, for a page that is made of d.
func words(d *data) template.FuncMap {
	if d == nil {
		d = &data{} // for the parser, which wants the names
	}
	return template.FuncMap{
		"short": short,
		// commitPage is the web page of a service's commit, "" if it is on none.
		"commitPage": func(service, commit string) string {
			if page := d.Snapshot.Pages[service]; page != "" && commit != "" {
				return page + "/commit/" + commit
			}
			return ""
		},
		"known":   func(receipt string) bool { _, ok := d.Snapshot.Receipt(receipt); return ok },
		"ago":     func(t time.Time) string { return plain.Ago(d.Now, t) },
		"exact":   exact,
		"stamp":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"utc":     plain.Stamp,
		"size":    plain.Size,
		"line":    plain.Line,
		"text":    plain.Text,
		"seconds": func(v float64) string { return fmt.Sprintf("%.1f s", v) },
		"took":    func(from, to time.Time) string { return fmt.Sprintf("%.1f s", to.Sub(from).Seconds()) },
		"tone":    tone,
		"label":   func(value any) string { return plain.Label(fmt.Sprint(value)) },
		"spoken":  func(state any) string { return strings.ReplaceAll(plain.Label(fmt.Sprint(state)), "-", " ") }, // not-asked
		"bytes":   bytesOf,
		"permille": func(l journal.Line) int64 {
			if l.Total <= 0 {
				return 0
			}
			return min(1000, 1000*l.Done/l.Total)
		},
	}
}

// short returns a commit, or the text of a commit, in short.
func short(commit any) string {
	s := fmt.Sprint(commit)
	if c, err := artifact.ParseCommit(s); err == nil {
		return c.Short()
	}
	return plain.Line(s)
}

// bytesOf returns how much of a transfer or of a load is done, "" for a line without bytes.
func bytesOf(l journal.Line) string {
	if l.Total <= 0 {
		return ""
	}
	return plain.Size(l.Done) + " of " + plain.Size(l.Total)
}

// tone is the class of a state or an outcome: good, warn, bad, busy or calm.
func tone(word any) string {
	switch fmt.Sprint(word) {
	case string(overview.Proven), string(ledger.Live), string(contract.DecidedSucceeded), string(contract.DecidedUnchanged):
		return "good"
	case string(overview.Degraded), string(overview.Unproven), string(overview.Unknown), string(contract.DecidedUnsettled), string(contract.DecidedInterrupted):
		return "warn"
	case string(overview.Down), string(overview.Drifted), string(overview.Unconfirmed), string(ledger.RolledBack), string(contract.DecidedReverted),
		string(contract.DecidedRevertFailed), string(contract.DecidedFailed), string(journal.Killed):
		return "bad"
	case string(overview.Changing), string(journal.Running):
		return "busy"
	}
	return "calm"
}
