// Package setupanswer is what the commands answer that set an installation up and examine it.
package setupanswer

import (
	"cmp"
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/bootstrap"
	"github.com/pikasTech/unidesk-artifact-cd/internal/build"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Installed is what host bootstrap answers. docs/hosts.md describes its JSON.
type Installed struct {
	Host string `json:"host"`
	bootstrap.Result
}

// Bootstrapped answers with what came of an agent's installation on a host; version
// is this controller's.
func Bootstrapped(host, version string, r bootstrap.Result) present.Answer {
	exit := present.ExitFailed
	switch {
	case r.OK:
		exit = present.ExitOK
	case r.Decision == bootstrap.Blocked:
		exit = present.ExitBlocked
	}
	return present.NewAnswer(exit, Installed{host, r}, func(out io.Writer, b Installed) error { return printBootstrap(out, version, b) })
}

func printBootstrap(out io.Writer, version string, r Installed) error {
	p := terminal.NewPrinter(out)
	style := terminal.Bad()
	switch {
	case r.OK:
		style = terminal.Good()
	case r.Decision == bootstrap.Blocked:
		style = terminal.Warn()
	}
	p.Line("%s  %s  %s", style.Render(string(r.Decision)), r.Host, plain.Count(r.Changes, "change"))
	for _, act := range r.Acts {
		word := "same"
		switch {
		case act.Changed && r.Decision == bootstrap.Ready:
			word = "would change"
		case act.Changed:
			word = "changed"
		}
		p.Field(word, "%s", act.Target)
	}
	if d := r.Agent; d != nil {
		role := string(d.CallerRole)
		p.Field("agent", "%s answers, role %s", d.AgentVersion, cmp.Or(role, "none"))
		if !build.Same(d.AgentVersion, version) {
			p.Field("note", "this controller is %s", version)
		}
	}
	for _, todo := range r.ToDo {
		p.Typed("left to do", todo)
	}
	if f := r.Failure; f != nil {
		p.Field("failed at", "%s (%s)", f.Step, f.Reason)
		p.Field("because", "%s", f.Message)
		p.Typed("now", f.Now)
		if f.Hint != "" {
			p.Typed("fix", f.Hint)
		}
		if f.Retry {
			p.Field("retry", "temporary: run the same command again")
		}
	}
	return p.Err
}
