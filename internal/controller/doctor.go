package controller

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
)

// level is what a finding means for deploys.
type level string

// The levels.
const (
	levelOK level = "ok"
	// levelWarning: deploys work, and something should be seen to.
	levelWarning level = "warning"
	// levelFault: it would keep a deploy from working.
	levelFault level = "fault"
)

// finding is one thing that was looked at.
type finding struct {
	Group string `json:"group"`
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Level level  `json:"level"`
	What  string `json:"what"`
	// Fix is what to do about one that is not ok.
	Fix string `json:"fix,omitempty"`
}

func fine(check, format string, args ...any) finding {
	return finding{Check: check, OK: true, Level: levelOK, What: fmt.Sprintf(format, args...)}
}

func amiss(l level, check, fix, format string, args ...any) finding {
	return finding{Check: check, Level: l, What: fmt.Sprintf(format, args...), Fix: fix}
}

// broken is an error as a fault that would keep a deploy from working, with the
// error's own hint or what is to be done otherwise.
func broken(check string, err error, otherwise string) finding {
	f := amiss(levelFault, check, remedy.Hint(err), "%v (%s)", err, fault.ReasonOf(err))
	if f.Fix == "" {
		f.Fix = otherwise
	}
	return f
}

func inGroup(group string, list ...finding) []finding {
	for i := range list {
		list[i].Group = group
	}
	return list
}

// diagnosis is what doctor answers. docs/output.md describes its JSON.
type diagnosis struct {
	OK bool `json:"ok"`
	// Decision is the worst level of the findings.
	Decision level     `json:"decision"`
	Findings []finding `json:"findings"`
}

func diagnose(findings []finding) diagnosis {
	d := diagnosis{Decision: levelOK, Findings: findings}
	for _, l := range []level{levelWarning, levelFault} {
		if slices.ContainsFunc(findings, func(f finding) bool { return f.Level == l }) {
			d.Decision = l
		}
	}
	d.OK = d.Decision == levelOK
	return d
}

func (d diagnosis) exit() int {
	switch d.Decision {
	case levelOK:
		return ExitOK
	case levelWarning:
		return ExitDegraded
	default:
		return ExitFailed
	}
}

func (a *app) doctor() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check the whole set-up from here, with a fix for each finding",
		Long: `doctor checks what a deploy leans on: the configuration, UniDesk's files, Compose
and the engine, the state folder, and every host of controller.yaml. It changes
nothing, and of a secret it tells whether it is there and how long it is.

Exit codes: 0 all is well, 4 there are warnings, 1 something would keep a deploy
from working.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := diagnose(a.examine(cmd.Context()))
			if a.code = d.exit(); cmd.Context().Err() != nil {
				a.code = ExitInterrupted
			}
			if a.format == "json" {
				return a.json(d)
			}
			return printDiagnosis(a.Out, d)
		},
	}
}

// examine looks at everything that the configuration leads to; the hosts and the
// master at the same time.
func (a *app) examine(ctx context.Context) []finding {
	services, catalogErr := LoadCatalog(a.configDir)
	c, err := LoadConfig(a.configDir)
	all := inGroup("configuration", judgeConfig(a.configDir, c, err), judgeCatalog(services, catalogErr))
	if err != nil {
		return all
	}
	if catalogErr != nil {
		services = nil // the rest can be looked at without
	}
	hosts := make(chan []finding, 1)
	go func() { hosts <- a.examineHosts(ctx, c, services) }()
	all = append(all, a.examineMaster(ctx, c, services)...)
	return append(all, <-hosts...)
}

// rowsIn are the catalog's rows; none without a catalog.
func rowsIn(services *catalog.Catalog) (rows []catalog.Row) {
	if services == nil {
		return nil
	}
	for _, id := range services.Services() {
		if row, err := services.Row(id.String()); err == nil {
			rows = append(rows, row)
		}
	}
	return rows
}
