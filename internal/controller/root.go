// Package controller is the command line: one file a command, what a person or a
// script sees, and how the parts are joined. It decides nothing about a deploy.
//
// Results go to stdout, everything else to stderr; what the command came to is
// in the exit code.
package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"syscall"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Streams are what a command writes to.
type Streams struct {
	Out, Err io.Writer
	// Terminal says that Err is a terminal.
	Terminal bool
	// Stop, if not nil, gives a value each time that the person says stop: at the
	// first the command ends as well as it can, at the second at once.
	Stop <-chan os.Signal
}

// app is what the commands share.
type app struct {
	Streams
	version   string
	args      []string
	configDir string
	format    string
	onEvent   func(workload.Event)
	// sshAlone may be nil: then nothing is asked past an agent that does not answer.
	sshAlone sshAlone
	code     int
	acting   atomic.Bool
	about    atomic.Pointer[contract.Contract]
}

// Run runs one command line and returns its exit code. onEvent, if not nil, is
// told of each point of a deploy after the person was.
func Run(ctx context.Context, args []string, streams Streams, version string, onEvent func(workload.Event)) int {
	streams = streams.fit()
	a := &app{Streams: streams, args: args, version: version, onEvent: onEvent, sshAlone: lookBySSH}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	return a.execute(ctx, root)
}

func (a *app) root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unidesk-controller",
		Short: "Bring exactly the asked commit live, and prove it",
		Long: `unidesk-controller brings the image of exactly one commit from the registry on
D601 to where its service runs, switches the service to it, proves that what
runs is that commit, and takes the switch back when it cannot.

Exit codes: 0 ok or ready, 1 failed, 2 usage, 3 blocked, gated, unsupported or
deprecated, 4 degraded, 130 interrupted. Results are on stdout, progress on stderr.`,
		Args:          cobra.ArbitraryArgs, // none is one: grouped says so
		SilenceErrors: true, SilenceUsage: true, Version: a.version,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if a.format != "text" && a.format != "json" {
				return fault.New(fault.Usage, "-o %s: it is text or json", a.format)
			}
			return flagsGiven(cmd)
		},
	}
	cmd.PersistentFlags().StringVar(&a.configDir, "config", DefaultConfigDir, "folder of controller.yaml and services.yaml")
	cmd.PersistentFlags().StringVarP(&a.format, "output", "o", "text", "form of the result: text or json")
	grouped(cmd, a.registry(), a.deploy(), a.history(), a.verify(), a.rollback(), a.logs(), a.recover(), a.watch(), a.services(), a.catalog(), a.host(), a.doctor(), a.versionCommand())
	cmd.SetVersionTemplate("{{.Version}}\n")
	a.completions(cmd)
	plainWords(cmd)
	cmd.SetFlagErrorFunc(a.flagRefused)
	return cmd
}

// failed reports an error that no command made a result of.
func (a *app) failed(err error) int {
	var f *fault.Error
	switch {
	case errors.Is(err, syscall.EPIPE): // whoever read has read enough, as head does
		return a.code
	case errors.Is(err, context.Canceled) && a.acting.Load():
		err = fault.Transient(fault.Interrupted, "stopped: %w", err).WithHint("`unidesk-controller recover` ends what is left")
	case errors.Is(err, context.Canceled):
		err = fault.Transient(fault.Interrupted, "stopped before the answer; nothing was changed")
	case !errors.As(err, &f):
		err = fault.New(fault.Usage, "%w", err) // cobra's own: a wrong word on the command line
	}
	r := contract.Refused(err)
	switch r.Failure.Reason {
	case fault.Interrupted:
		r.Decision = contract.DecidedInterrupted
	case fault.Unsupported, fault.RuntimeNotBuilt:
		r.Decision = contract.DecidedUnsupported
	}
	if a.format == "json" {
		if err := a.json(r); err != nil {
			return ExitFailed
		}
	} else {
		lipgloss.Fprintf(a.Err, "%s %s (%s)\n", bad.Render("error:"), r.Failure.Message, r.Failure.Reason)
		if r.Failure.Hint != "" {
			fmt.Fprintln(a.Err, " ", r.Failure.Hint)
		}
	}
	return exitCode(r)
}

// finish prints a result and sets the exit code.
func (a *app) finish(r contract.Result) error {
	a.code = exitCode(r)
	if a.format == "json" {
		return a.json(r)
	}
	return printResult(a.Out, r)
}

func (a *app) json(v any) error {
	e := json.NewEncoder(a.Out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.format == "json" {
				return a.json(map[string]string{"version": a.version})
			}
			_, err := fmt.Fprintln(a.Out, a.version)
			return err
		},
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
