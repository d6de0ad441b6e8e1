// Package doctor examines a set-up from the configuration to each host's agent. It
// reports what to do about each finding, and changes nothing. Of a secret it learns
// only whether it is there and how long it is.
package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
)

// Level is what a finding means for deploys.
type Level string

// The levels.
const (
	LevelOK Level = "ok"
	// levelWarning: deploys work, and something should be seen to.
	LevelWarning Level = "warning"
	// levelFault: it would keep a deploy from working.
	LevelFault Level = "fault"
)

// Finding is the result of a check.
type Finding struct {
	Group string `json:"group"`
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Level Level  `json:"level"`
	What  string `json:"what"`
	// Fix is what to do about a finding that is not ok.
	Fix string `json:"fix,omitempty"`
}

func fine(check, format string, args ...any) Finding {
	return Finding{Check: check, OK: true, Level: LevelOK, What: fmt.Sprintf(format, args...)}
}

func amiss(l Level, check, fix, format string, args ...any) Finding {
	return Finding{Check: check, Level: l, What: fmt.Sprintf(format, args...), Fix: fix}
}

// broken is an error as a fault that would keep a deploy from working, with the
// error's own hint or what is to be done otherwise. An action that only asks what
// doctor has asked repairs nothing: what is to be done takes its place.
func broken(check string, err error, otherwise string) Finding {
	fix := cmp.Or(remedy.Hint(err), otherwise)
	switch fault.ActionOf(err) {
	case fault.Examine, fault.RegistryHealth, fault.RegistryStatus:
		fix = strings.Trim(remedy.Text(fault.HintOf(err))+"\n"+otherwise, "\n")
	}
	return amiss(LevelFault, check, fix, "%v (%s)", err, fault.ReasonOf(err))
}

func inGroup(group string, list ...Finding) []Finding {
	for i := range list {
		list[i].Group = group
	}
	return list
}

// Diagnosis is what doctor answers. docs/output.md describes its JSON.
type Diagnosis struct {
	OK bool `json:"ok"`
	// Decision is the worst level of the findings.
	Decision Level     `json:"decision"`
	Findings []Finding `json:"findings"`
}

func diagnosisOf(findings []Finding) Diagnosis {
	d := Diagnosis{Decision: LevelOK, Findings: findings}
	for _, l := range []Level{LevelWarning, LevelFault} {
		if slices.ContainsFunc(findings, func(f Finding) bool { return f.Level == l }) {
			d.Decision = l
		}
	}
	d.OK = d.Decision == LevelOK
	return d
}

// Examiner looks at a whole set-up, and changes nothing.
type Examiner struct {
	// ConfigDir is the folder of controller.yaml and services.yaml.
	ConfigDir string
	// Version is this controller's.
	Version string
}

// Diagnose judges all that it sees.
func (e Examiner) Diagnose(ctx context.Context) Diagnosis { return diagnosisOf(e.examine(ctx)) }

// examine looks at everything that the configuration leads to; the hosts and the
// master at the same time.
func (e Examiner) examine(ctx context.Context) []Finding {
	services, catalogErr := site.LoadCatalog(e.ConfigDir)
	c, err := site.LoadConfig(e.ConfigDir)
	all := inGroup("configuration", judgeConfig(e.ConfigDir, c, err), judgeCatalog(e.ConfigDir, services, catalogErr))
	if err != nil {
		return all
	}
	if catalogErr != nil {
		services = nil // the rest can be looked at without
	}
	hosts := make(chan []Finding, 1)
	go func() { hosts <- e.examineHosts(ctx, c, services) }()
	all = append(all, examineMaster(ctx, c, services)...)
	return append(all, <-hosts...)
}
