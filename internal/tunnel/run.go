package tunnel

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/trace"
)

// maxOutput is far more than any command of ours answers.
const maxOutput = 1 << 20

// ExitError is a command that ran and ended with a code of its own.
type ExitError struct {
	Code int
	// Said is the end of its standard error, fit to be shown.
	Said string
}

// Error has the code and what the command printed.
func (e *ExitError) Error() string {
	if e.Said == "" {
		return fmt.Sprintf("exit status %d", e.Code)
	}
	return fmt.Sprintf("exit status %d: %s", e.Code, e.Said)
}

// Run runs a command on the host itself, past any agent, and returns what it wrote to standard
// output, also when it failed: over ssh as [Dial] does, on this machine if the agent is reached by
// its socket. The words of argv reach the command as they are; what varies belongs on stdin all the
// same.
//
// Errors are those of [Dial] if the host is not reached, an [ExitError] in their chain
// if the command ended with another code than 0, and UNSUPPORTED for a transport that
// leads to an agent and to nothing else.
func Run(ctx context.Context, c Config, argv []string, stdin io.Reader) (_ []byte, failed error) {
	if err := c.Validate(); err != nil {
		return nil, fault.New(fault.ConfigInvalid, "%w", err)
	}
	switch {
	case len(c.Command) > 0:
		return nil, fault.New(fault.Unsupported, "%s leads to an agent only: no other command can be run by it", c.Name()).
			WithHint("give the host an ssh transport in controller.yaml, or install the agent's package on it by hand")
	case c.SSH != nil:
		host := *c.SSH
		host.Command = argv
		argv = host.argv(sshVersion(ctx), sharing{})
	}
	done := trace.Program(ctx, argv...)
	defer func() { done(failed) }()
	child, err := start(argv)
	if err != nil {
		return nil, fault.New(fault.HostUnreachable, "start %s: %w", argv[0], err)
	}
	// Whatever ends the context ends the child, and with it the reads below.
	stop := context.AfterFunc(ctx, func() { child.end(closeGrace) })
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		_, _ = io.Copy(child.stdin, stdin) // a command that does not read it explains by its code
		_ = child.stdin.Close()
	}()
	out, err := io.ReadAll(io.LimitReader(child.stdout, maxOutput))
	child.exited(deathGrace)
	child.end(closeGrace)
	<-fed
	stop()
	if ctx.Err() != nil {
		return nil, fault.New(fault.HostUnreachable, "%s: %w", c.Name(), context.Cause(ctx))
	}
	if err := c.ran(child); err != nil {
		return out, err
	}
	return out, err
}

// ran returns why a command did not end well, nil when it did.
func (c Config) ran(p *child) error {
	select {
	case <-p.done:
	default:
		return c.ended(p)
	}
	switch code := p.state.ExitCode(); {
	case code == 0:
		return nil
	case c.SSH != nil && code == exitSSH, code < 0:
		return c.ended(p)
	default:
		return fault.New(fault.Internal, "on %s: %w", c.Name(), &ExitError{Code: code, Said: p.stderr.String()})
	}
}

// Patience is how long connecting to the host may take.
func (c Config) Patience() time.Duration {
	if c.SSH != nil {
		return c.SSH.connectTimeout()
	}
	return defaultConnectTimeout
}
