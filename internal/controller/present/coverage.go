package present

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Coverage answers with each service as CI.json, registry and receipts know it.
func Coverage(w inventory.ThreeWay) Answer {
	w.OK = len(w.Unasked) == 0
	return viewed(Incomplete(!w.OK), w, printCoverage)
}

func printCoverage(v view, w inventory.ThreeWay) error {
	p := v.printer()
	p.Table([]string{"SERVICE", "DECLARED", "PUBLISHED", "PROD", "DEV", "NOTE"}, v.coverageLines(w))
	if p.Err != nil {
		return p.Err
	}
	return printUnasked(v.out, w.Unasked)
}

func (v view) coverageLines(w inventory.ThreeWay) (lines [][]string) {
	for _, c := range w.Items {
		line := []string{c.Service, declaredWord(w, c), v.publishedWord(c)}
		var notes []string
		if !c.Consumed {
			notes = append(notes, "not in services.yaml")
		}
		for _, env := range []artifact.Env{artifact.Prod, artifact.Dev} {
			word, commit, note := v.runningWord(w, c, env)
			line = append(line, word)
			if note != "" {
				notes = append(notes, note)
			}
			if s := c.Published; commit != "" && s != nil && s.Failure == nil && !slices.ContainsFunc(s.Artifacts, func(p inventory.Published) bool { return p.Commit.String() == commit }) {
				notes = append(notes, fmt.Sprintf("%s's commit is no longer in the registry", env))
			}
		}
		lines = append(lines, append(line, strings.Join(notes, ", ")))
	}
	return lines
}

// runningWord is what runs in an environment, as its host shows it. If it was not seen, it
// is what was proven last, with a question mark.
func (v view) runningWord(w inventory.ThreeWay, c inventory.Coverage, env artifact.Env) (word, commit, note string) {
	last, proven := c.Proven[env]
	runs, asked := c.Running[env]
	switch {
	case runs.Commit != "" && proven && runs.Commit != last.Commit.String():
		note = fmt.Sprintf("%s was proven at %s", env, v.commit(last.Commit))
	case runs.Known && runs.Commit == "" && proven:
		return "none", "", env.String() + ": " + seenThen(runs)
	}
	switch {
	case runs.Commit != "" && runs.Differs:
		return v.short(runs.Commit), runs.Commit, env.String() + ": " + seenThen(runs)
	case runs.Commit != "":
		return v.short(runs.Commit), runs.Commit, note
	case proven:
		return v.commit(last.Commit) + "?", last.Commit.String(), ""
	case w.NoLedger || asked && !runs.Known:
		return "?", "", ""
	}
	return "-", "", ""
}

// seenThen describes what runs, with the time of the look.
func seenThen(r workload.Running) string {
	return r.Text + ", seen " + plain.Clock(r.Seen)
}

func declaredWord(w inventory.ThreeWay, c inventory.Coverage) string {
	switch {
	case w.NoCI:
		return "?"
	case !w.HasCI:
		return "no CI.json"
	case len(c.Declared) == 0:
		return "-"
	}
	var words []string
	for _, d := range c.Declared {
		switch {
		case d.CoverageOnly:
			words = append(words, "coverage only")
		case d.Kind == "":
			words = append(words, "yes")
		default:
			words = append(words, d.Kind)
		}
	}
	return strings.Join(words, ", ")
}

func (v view) publishedWord(c inventory.Coverage) string {
	switch s := c.Published; {
	case s == nil:
		return "-"
	case s.Failure != nil:
		return "?"
	case len(s.Artifacts) == 0:
		return "none"
	default:
		newest := s.Artifacts[0]
		text := fmt.Sprintf("%d, newest %s", len(s.Artifacts), v.commit(newest.Commit))
		if !newest.Created.IsZero() {
			text += " (" + v.age(newest.Created) + ")"
		}
		return text
	}
}
