package command

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/complete"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Globals gives the root the flags that every command takes. It completes and refuses
// the flags of all commands, so they are below the root already.
func (a *App) Globals(root *cobra.Command) {
	root.PersistentFlags().StringVar(&a.ConfigDir, "config", site.DefaultConfigDir, "folder of controller.yaml and services.yaml")
	root.PersistentFlags().StringVarP(&a.Format, "output", "o", "text", "form of the result: text or json")
	progress, quiet := string(terminal.Auto), false
	root.PersistentFlags().StringVar(&progress, "progress", progress, "form of the progress on stderr: auto, tty, plain, json or quiet; UNIDESK_PROGRESS is the default")
	root.PersistentFlags().BoolVarP(&quiet, "quiet", "q", false, "show no progress; errors and notes stay")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		if a.Format != "text" && a.Format != "json" {
			return fault.New(fault.Usage, "-o %s: it is text or json", a.Format)
		}
		if a.progress, err = formOf(cmd, progress, quiet); err != nil {
			return err
		}
		return refuse.MissingFlags(cmd)
	}
	root.SetFlagErrorFunc(a.flagRefused)
	a.Complete().Flags(root)
}

// formOf returns how progress is shown: by the flags, else by the environment.
func formOf(cmd *cobra.Command, progress string, quiet bool) (terminal.Form, error) {
	given, env := cmd.Flags().Changed("progress"), os.Getenv("UNIDESK_PROGRESS")
	switch {
	case given && quiet:
		return "", fault.New(fault.Usage, "--progress and --quiet exclude each other")
	case quiet:
		return terminal.Quiet, nil
	case given || env == "":
		return terminal.ParseForm("--progress", progress)
	}
	return terminal.ParseForm("UNIDESK_PROGRESS", env)
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
