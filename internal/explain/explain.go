// Package explain holds the table of what each reason of a fault means and what repairs
// it. `unidesk-controller explain` prints it, and docs/reasons.md is made from it.
package explain

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/manual"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Entry explains a reason. Its texts are sentences; a line to type is between backquotes.
type Entry struct {
	Reason fault.Reason `json:"reason"`
	// Cause is when the program gives the reason.
	Cause string `json:"cause"`
	// Repair is what a person does about it.
	Repair string `json:"repair"`
}

// pages are the marks of pages of docs in the table: {hosts.md}.
var pages = regexp.MustCompile(`\{[a-z-]+\.(?:md|yaml)\}`)

// All returns the entries of all reasons, by name. They name pages as manual.Page does.
func All() []Entry { return entries(manual.Page) }

// entries returns all entries; page returns what stands for a page of docs.
func entries(page func(name string) string) []Entry {
	all := slices.Concat(requests(), artifacts(), hosts(), workloads(), registries(), gates(), records())
	for i := range all {
		all[i].Repair = pages.ReplaceAllStringFunc(all[i].Repair, func(mark string) string { return page(strings.Trim(mark, "{}")) })
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(string(a.Reason), string(b.Reason)) })
	return all
}

// Names returns all reasons, by name.
func Names() (names []string) {
	for _, e := range All() {
		names = append(names, string(e.Reason))
	}
	return names
}

// Of returns the entry of a reason, in any case and with `-` for `_`. An unknown reason is
// USAGE, and the hint has the reasons that are like it.
func Of(name string) (Entry, error) {
	wanted := fault.Reason(strings.ToUpper(strings.ReplaceAll(name, "-", "_")))
	for _, e := range All() {
		if e.Reason == wanted {
			return e, nil
		}
	}
	unknown := fault.New(fault.Usage, "no reason has the name %.100q", name)
	if near := plain.Near(string(wanted), Names()); len(near) > 0 {
		return Entry{}, unknown.WithHint("did you mean %s? `unidesk-controller explain` lists all", strings.Join(near, " or "))
	}
	return Entry{}, unknown.WithHint("`unidesk-controller explain` lists all")
}

const head = `# Reasons

Each failure names its reason: in brackets behind the message, as ` + "`reason`" + ` in JSON. The message and the hint say what is wrong on this host now; this page
says what the reason means wherever it appears. ` + "`unidesk-controller explain REASON`" + ` prints a row of it. Reasons may be added; they are not renamed or removed within
a major version. Whether the same command may succeed without a change is in the failure itself (` + "`retryable`" + `).

This page is made from ` + "`internal/explain`" + `: ` + "`go test ./internal/explain -update`" + `.

| reason | cause | repair |
|---|---|---|
`

// Page returns docs/reasons.md, in which a page is a link.
func Page() string {
	var b strings.Builder
	b.WriteString(head)
	for _, e := range entries(func(name string) string { return "[" + name + "](" + name + ")" }) {
		b.WriteString("| `" + string(e.Reason) + "` | " + e.Cause + " | " + e.Repair + " |\n")
	}
	return b.String()
}
