package present

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Coverage answers with each service as CI.json, registry and receipts know it.
func Coverage(w inventory.ThreeWay) Answer {
	w.OK = len(w.Unasked) == 0
	return answer(exitIncomplete(!w.OK), w, printCoverage)
}

func printCoverage(out io.Writer, w inventory.ThreeWay) error {
	if err := rows(out, []string{"SERVICE", "DECLARED", "PUBLISHED", "PROD", "DEV", "NOTE"}, coverageLines(w, time.Now())); err != nil {
		return err
	}
	return printUnasked(out, w.Unasked)
}

func coverageLines(w inventory.ThreeWay, now time.Time) (lines [][]string) {
	for _, c := range w.Services {
		line := []string{c.Service, declaredWord(w, c), publishedWord(c, now)}
		var notes []string
		if !c.Consumed {
			notes = append(notes, "not in services.yaml")
		}
		for _, env := range []artifact.Env{artifact.Prod, artifact.Dev} {
			live, ok := c.Live[env]
			switch {
			case w.NoLedger:
				line = append(line, "?")
			case !ok:
				line = append(line, "-")
			default:
				line = append(line, live.Commit.Short())
				if s := c.Published; s != nil && s.Failure == nil && !slices.ContainsFunc(s.Artifacts, func(p inventory.Published) bool { return p.Commit == live.Commit }) {
					notes = append(notes, fmt.Sprintf("%s's commit is no longer in the registry", env))
				}
			}
		}
		lines = append(lines, append(line, strings.Join(notes, ", ")))
	}
	return lines
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

func publishedWord(c inventory.Coverage, now time.Time) string {
	switch s := c.Published; {
	case s == nil:
		return "-"
	case s.Failure != nil:
		return "?"
	case len(s.Artifacts) == 0:
		return "none"
	default:
		newest := s.Artifacts[0]
		text := fmt.Sprintf("%d, newest %s", len(s.Artifacts), newest.Commit.Short())
		if !newest.Created.IsZero() {
			text += " (" + plain.Age(now, newest.Created) + ")"
		}
		return text
	}
}
