package command

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/complete"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/trace"
)

// Globals gives the root the flags that every command takes. It completes and refuses
// the flags of all commands, so they are below the root already.
func (a *App) Globals(root *cobra.Command) {
	root.PersistentFlags().StringVar(&a.ConfigDir, "config", site.DefaultConfigDir, "folder of controller.yaml and services.yaml")
	root.PersistentFlags().StringVarP(&a.Format, "output", "o", present.Text, "form of the result: text, wide or json")
	progress, quiet, debug := string(terminal.Auto), false, false
	root.PersistentFlags().StringVar(&progress, "progress", progress, "form of the progress on stderr: auto, tty, plain, json or quiet")
	// A flag that is given replaces them.
	a.ConfigDir, a.Format = cmp.Or(os.Getenv(configVariable), a.ConfigDir), cmp.Or(os.Getenv(outputVariable), a.Format)
	root.PersistentFlags().BoolVarP(&quiet, "quiet", "q", false, "show no progress; errors and notes stay")
	root.PersistentFlags().BoolVar(&debug, "debug", false, "print the programs that are started and the calls to agents")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		if form := a.Format; !slices.Contains(present.Forms(), form) {
			a.Format = present.Text // of the refusal
			return fault.New(fault.Usage, "%s %s: it is text, wide or json", from(cmd, "output", "-o", outputVariable), form)
		}
		if a.progress, err = formOf(cmd, progress, quiet); err != nil {
			return err
		}
		if debug || os.Getenv(debugVariable) != "" {
			if err := a.trace(cmd); err != nil {
				return err
			}
		}
		return refuse.MissingFlags(cmd)
	}
	root.SetFlagErrorFunc(a.flagRefused)
	a.Complete().Flags(root)
}

// The variables of the environment that hold the default of a flag. `help environment` prints
// them.
const (
	configVariable   = "UNIDESK_CONFIG"
	outputVariable   = "UNIDESK_OUTPUT"
	progressVariable = "UNIDESK_PROGRESS"
	debugVariable    = "UNIDESK_DEBUG"
)

// from returns what a value was given by: the flag, else the variable.
func from(cmd *cobra.Command, name, flag, variable string) string {
	if cmd.Flags().Changed(name) {
		return flag
	}
	return variable
}

// formOf returns how progress is shown: by the flags, else by the environment.
func formOf(cmd *cobra.Command, progress string, quiet bool) (terminal.Form, error) {
	given, env := cmd.Flags().Changed("progress"), os.Getenv(progressVariable)
	switch {
	case given && quiet:
		return "", fault.New(fault.Usage, "--progress and --quiet exclude each other")
	case quiet:
		return terminal.Quiet, nil
	case given || env == "":
		return terminal.ParseForm("--progress", progress)
	}
	return terminal.ParseForm(progressVariable, env)
}

// trace has the command print on stderr what it does beyond this process. A bar would be torn by
// these lines, and a script that reads events does not expect them.
func (a *App) trace(cmd *cobra.Command) error {
	switch a.progress {
	case terminal.JSON:
		return fault.New(fault.Usage, "--debug and --progress json exclude each other: both print on stderr")
	case terminal.Auto, terminal.TTY:
		a.progress = terminal.Plain
	}
	ctx := trace.Into(cmd.Context(), func(line string) { fmt.Fprintln(a.Err, "debug", line) })
	cmd.SetContext(ctx)
	a.notices.traced = func() context.Context { return context.WithoutCancel(ctx) }
	return nil
}

// Complete completes the words of a line.
func (a *App) Complete() complete.Completer {
	return complete.Completer{ConfigDir: &a.ConfigDir, Version: a.Version}
}

// flagRefused answers in the form that was asked for, although a flag that stands
// behind the wrong flag was not read.
func (a *App) flagRefused(cmd *cobra.Command, err error) error {
	form := pflag.NewFlagSet("", pflag.ContinueOnError)
	form.ParseErrorsAllowlist.UnknownFlags = true
	form.Usage = func() {} // of --help, which pflag prints to stderr by itself
	form.StringVarP(&a.Format, "output", "o", a.Format, "")
	form.StringVar(&a.ConfigDir, "config", a.ConfigDir, "")
	_ = form.Parse(a.args)
	return refuse.Flag(cmd, err)
}
