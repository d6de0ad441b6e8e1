package present

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/pikasTech/unidesk-artifact-cd/internal/bootstrap"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Bootstrapping writes a step of a bootstrap that begins, on stderr.
func Bootstrapping(err io.Writer, after time.Duration, step, does string) {
	lipgloss.Fprintln(err, fmt.Sprintf("%6.1fs  %s %s", after.Seconds(), point().Render(fmt.Sprintf("%-8s", step)), does))
}

// bootstrapped is what host bootstrap answers. docs/hosts.md describes its JSON.
type bootstrapped struct {
	Host string `json:"host"`
	bootstrap.Result
}

// Bootstrapped answers with what came of an agent's installation on a host; version
// is this controller's.
func Bootstrapped(host, version string, r bootstrap.Result) Answer {
	exit := ExitFailed
	switch {
	case r.OK:
		exit = ExitOK
	case r.Decision == bootstrap.Blocked:
		exit = ExitBlocked
	}
	return answer(exit, bootstrapped{host, r}, func(out io.Writer, b bootstrapped) error { return printBootstrap(out, version, b) })
}

func printBootstrap(out io.Writer, version string, r bootstrapped) error {
	p := &printer{out: out}
	style := bad()
	switch {
	case r.OK:
		style = good()
	case r.Decision == bootstrap.Blocked:
		style = warn()
	}
	p.line("%s  %s  %s", style.Render(string(r.Decision)), r.Host, plain.Count(r.Changes, "change"))
	for _, act := range r.Acts {
		word := "same"
		switch {
		case act.Changed && r.Decision == bootstrap.Ready:
			word = "would change"
		case act.Changed:
			word = "changed"
		}
		p.field(word, "%s", act.Target)
	}
	if d := r.Agent; d != nil {
		role := string(d.CallerRole)
		p.field("agent", "%s answers, role %s", d.AgentVersion, cmp.Or(role, "none"))
		if d.AgentVersion != version {
			p.field("note", "this controller is %s", version)
		}
	}
	for _, todo := range r.ToDo {
		p.field("left to do", "%s", indent(todo))
	}
	if f := r.Failure; f != nil {
		p.field("failed at", "%s (%s)", f.Step, f.Reason)
		p.field("because", "%s", indent(f.Message))
		p.field("now", "%s", indent(f.Now))
		if f.Hint != "" {
			p.field("to mend", "%s", indent(f.Hint))
		}
		if f.Retry {
			p.field("again?", "the same command may succeed without any change")
		}
	}
	return p.err
}
