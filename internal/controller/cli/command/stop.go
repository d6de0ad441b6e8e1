package command

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// activity holds whether the command changes what runs, and the contract of that change.
// A person may stop the command from another goroutine.
type activity struct {
	atomic.Bool
	about atomic.Pointer[contract.Contract]
}

// Acts marks that from here on the command changes what runs, or ends such a change:
// to stop it means more than to stop a question. c is what it is about; it is nil if the
// change is not of a single service.
func (a *App) Acts(c *contract.Contract) {
	a.acting.about.Store(c)
	a.acting.Store(true)
}

// Execute runs a command until it ends and its notices are sent. The first value of
// Streams.Stop asks it to end; the second leaves its work where it is. Execute prints an error
// that no answer was made of, and returns the exit code.
func (a *App) Execute(ctx context.Context, root *cobra.Command) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan int, 1)
	go func() {
		code := a.exitOf(root.ExecuteContextC(ctx))
		a.sent()
		ended <- code
	}()
	select {
	case code := <-ended:
		return code
	case <-a.Stop:
	}
	if a.acting.Load() {
		fmt.Fprintln(a.Err, "\nReverting to the previous version. Press Ctrl-C again to stop now and leave everything as it is.")
	} else {
		fmt.Fprintln(a.Err, "\nstopping")
	}
	cancel()
	select {
	case code := <-ended:
		return code
	case <-a.Stop:
		return a.left()
	}
}

// left answers for a command that was stopped twice.
func (a *App) left() int {
	if !a.acting.Load() {
		return present.ExitInterrupted
	}
	err := fault.New(fault.Interrupted, "stopped twice: everything is left as it was at that moment").
		WithHint("`unidesk-controller recover` brings back what ran before; the same command again goes on")
	r := contract.Result{Decision: contract.DecidedInterrupted, Mutated: true, Contract: a.acting.about.Load(), Running: workload.NotKnown("", "not known: not checked after the stop")}
	r.Failure = &contract.Failure{
		Step: workload.PointSettle, Report: fault.ReportOf(err), Next: contract.RecoverCommand(),
	}
	answer := present.Deployed(r)
	_ = answer.Print(a.Out, a.Format) // no reader is left for an error
	return answer.Exit
}
