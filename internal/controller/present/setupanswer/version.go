package setupanswer

import (
	"fmt"
	"io"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/build"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/manual"
)

// Versions is what version answers. docs/output.md describes its JSON.
type Versions struct {
	OK bool `json:"ok"`
	build.Info
	// Hosts are the configuration's, if they were asked.
	Hosts    []HostVersion `json:"hosts,omitempty"`
	Warnings []string      `json:"warnings,omitempty"`
}

// HostVersion is the version of a host's agent, or why it is not known.
type HostVersion struct {
	Name         string       `json:"name"`
	AgentVersion string       `json:"agentVersion,omitempty"`
	Same         bool         `json:"same"`
	Reason       fault.Reason `json:"reason,omitempty"`
	Message      string       `json:"message,omitempty"`
	Hint         string       `json:"hint,omitempty"`
	From         string       `json:"from,omitempty"`
}

// Version answers with the build of the controller.
func Version(own build.Info) present.Answer {
	return present.NewAnswer(present.ExitOK, Versions{OK: true, Info: own}, printVersions)
}

// VersionOfAll answers with the build of the controller and the version of each host's agent.
func VersionOfAll(own build.Info, rows []site.HostRow) present.Answer {
	v := Versions{Info: own}
	for _, row := range rows {
		host := HostVersion{Name: row.Name, Reason: row.Reason, Message: row.Message, Hint: row.Hint, From: row.From}
		if row.Reachable {
			host.AgentVersion = row.Agent.AgentVersion
			host.Same = build.Same(host.AgentVersion, own.Version)
		}
		if row.Reachable && !host.Same {
			v.Warnings = append(v.Warnings, fmt.Sprintf("the agent on %s is %s, and this controller is %s: upgrade the older program (%s)",
				host.Name, host.AgentVersion, own.Version, manual.Page("upgrading.md")))
		}
		v.Hosts = append(v.Hosts, host)
	}
	silent := slices.ContainsFunc(rows, func(row site.HostRow) bool { return !row.Reachable })
	v.OK = !silent
	return present.NewAnswer(present.Incomplete(silent), v, printVersions)
}

func printVersions(out io.Writer, v Versions) error {
	p := terminal.NewPrinter(out)
	p.Line("%s", v.Line(present.Program))
	for _, host := range v.Hosts {
		if host.Reason == "" {
			p.Field(host.Name, "%s", host.AgentVersion)
			continue
		}
		p.Field(host.Name, "%s %s (%s)", terminal.Bad().Render("not known:"), host.Message, host.Reason)
		if host.Hint != "" {
			p.Typed("", host.Hint)
		}
	}
	p.Warnings(v.Warnings)
	return p.Err
}
