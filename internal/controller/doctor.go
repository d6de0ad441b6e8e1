package controller

import (
	"context"
	"fmt"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
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
	f := amiss(levelFault, check, fault.HintOf(err), "%v (%s)", err, fault.ReasonOf(err))
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

func diagnosisOf(findings []finding) diagnosis {
	d := diagnosis{Decision: levelOK, Findings: findings}
	for _, l := range []level{levelWarning, levelFault} {
		if slices.ContainsFunc(findings, func(f finding) bool { return f.Level == l }) {
			d.Decision = l
		}
	}
	d.OK = d.Decision == levelOK
	return d
}

// examiner looks at a whole set-up, and changes nothing.
type examiner struct {
	// configDir is the folder of controller.yaml and services.yaml.
	configDir string
	// version is this controller's.
	version string
}

// diagnose judges all that it sees.
func (e examiner) diagnose(ctx context.Context) diagnosis { return diagnosisOf(e.examine(ctx)) }

// examine looks at everything that the configuration leads to; the hosts and the
// master at the same time.
func (e examiner) examine(ctx context.Context) []finding {
	services, catalogErr := LoadCatalog(e.configDir)
	c, err := LoadConfig(e.configDir)
	all := inGroup("configuration", judgeConfig(e.configDir, c, err), judgeCatalog(services, catalogErr))
	if err != nil {
		return all
	}
	if catalogErr != nil {
		services = nil // the rest can be looked at without
	}
	hosts := make(chan []finding, 1)
	go func() { hosts <- e.examineHosts(ctx, c, services) }()
	all = append(all, examineMaster(ctx, c, services)...)
	return append(all, <-hosts...)
}
