package page

import (
	"fmt"
	"html/template"
	"time"

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
		"short": func(commit fmt.Stringer) string { return shortened(commit.String()) },
		"cut":   shortened,
		// commitPage is the web page of a service's commit, "" if it is on none.
		"commitPage": func(service fmt.Stringer, commit string) string {
			if page := d.Snapshot.Pages[service.String()]; page != "" && commit != "" {
				return page + "/commit/" + commit
			}
			return ""
		},
		"known":   func(receipt string) bool { _, ok := d.Snapshot.Receipt(receipt); return ok },
		"ago":     func(t time.Time) string { return plain.Ago(d.Now, t) },
		"exact":   exact,
		"stamp":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"utc":     func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"size":    plain.Size,
		"line":    plain.Line,
		"text":    plain.Text,
		"seconds": func(v float64) string { return fmt.Sprintf("%.1f s", v) },
		"took":    func(from, to time.Time) string { return fmt.Sprintf("%.1f s", to.Sub(from).Seconds()) },
		"tone":    tone,
		"named":   func(s string) name { return name(s) },
		"permille": func(l journal.Line) int64 {
			if l.Total <= 0 {
				return 0
			}
			return min(1000, 1000*l.Done/l.Total)
		},
	}
}

// name is a string that is a [fmt.Stringer].
type name string

func (n name) String() string { return string(n) }

func shortened(commit string) string {
	const most = 10
	if len(commit) <= most {
		return commit
	}
	return commit[:most]
}

// tone is the class of a state or an outcome: good, warn, bad, busy or calm.
func tone(word any) string {
	switch fmt.Sprint(word) {
	case string(overview.Proven), string(ledger.Succeeded), "unchanged", "ok":
		return "good"
	case string(overview.Degraded), string(overview.Unproven), string(overview.Unknown), "unsettled", "interrupted":
		return "warn"
	case string(overview.Down), string(overview.Drifted), string(overview.Unconfirmed), "reverted", "revert-failed", "failed", "killed":
		return "bad"
	case string(overview.Changing), string(journal.Running):
		return "busy"
	}
	return "calm"
}
