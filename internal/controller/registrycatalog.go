package controller

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
)

// threeWay is what `artifact-registry catalog` answers.
type threeWay struct {
	OK bool `json:"ok"`
	// HasCI says whether there is a CI.json.
	HasCI    bool       `json:"hasCI"`
	Services []coverage `json:"services"`
	// Unasked is what could not be had; the rest is what it is.
	Unasked []unasked `json:"unasked"`
	// NoCI and NoLedger say that their column is not known.
	NoCI     bool `json:"-"`
	NoLedger bool `json:"-"`
}

func (a *app) registryCatalog() *cobra.Command {
	return &cobra.Command{
		Use: "catalog", Short: "Compare what CI.json declares, the registry holds and receipts prove", Args: cobra.NoArgs,
		Long: `catalog shows each service by what CI.json declares, what the registry holds and
what the last proven receipt says is live. CI.json is a plan and no evidence: an
upstream-image entry is coverage only, and makes nothing deployable.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			services, err := rowsOf(a.configDir, "")
			if err != nil {
				return err
			}
			c, err := LoadConfig(a.configDir)
			if err != nil {
				return err
			}
			a.remind(c)
			far := newRemote(c.Hosts[c.RegistryHost], a.version)
			defer func() { _ = far.Close() }()
			ctx := cmd.Context()
			held := shelves(ctx, listerOf(ctx, far), services)
			all := threeWay{Unasked: append([]unasked{}, failures(held)...)}
			entries, found, err := unidesk.CI(c.Master.Root)
			if all.HasCI = found; err != nil {
				all.NoCI = true
				all.Unasked = append(all.Unasked, *notAsked("what is declared", err))
			}
			receipts, err := ledger.Open(c.ledgerDir()).History("", "")
			if err != nil {
				all.NoLedger = true
				all.Unasked = append(all.Unasked, *notAsked("what is live", err))
			}
			all.Services = cover(entries, services, held, receipts)
			a.partly(ctx, len(all.Unasked) > 0)
			if all.OK = a.code == ExitOK; a.format == "json" {
				return a.json(all)
			}
			if err := rows(a.Out, []string{"SERVICE", "DECLARED", "PUBLISHED", "PROD", "DEV", "NOTE"}, coverageLines(all, time.Now())); err != nil {
				return err
			}
			return printUnasked(a.Out, all.Unasked)
		},
	}
}

func coverageLines(w threeWay, now time.Time) (lines [][]string) {
	for _, c := range w.Services {
		line := []string{c.Service, declaredWord(w, c), publishedWord(c, now)}
		var notes []string
		if !c.Consumed {
			notes = append(notes, "not in services.yaml")
		}
		for _, env := range []catalog.Env{catalog.Prod, catalog.Dev} {
			live, ok := c.Live[env]
			switch {
			case w.NoLedger:
				line = append(line, "?")
			case !ok:
				line = append(line, "-")
			default:
				line = append(line, live.Commit.Short())
				if s := c.Published; s != nil && s.Failure == nil && !slices.ContainsFunc(s.Artifacts, func(p published) bool { return p.Commit == live.Commit }) {
					notes = append(notes, fmt.Sprintf("%s's commit is not in the registry", env))
				}
			}
		}
		lines = append(lines, append(line, strings.Join(notes, ", ")))
	}
	return lines
}

func declaredWord(w threeWay, c coverage) string {
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

func publishedWord(c coverage, now time.Time) string {
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
			text += " (" + builtAgo(now, newest.Created) + ")"
		}
		return text
	}
}
