package command

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/complete"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Globals gives the root the flags that every command takes. It completes and refuses
// the flags of all commands, so they are below the root already.
func (a *App) Globals(root *cobra.Command) {
	root.PersistentFlags().StringVar(&a.ConfigDir, "config", site.DefaultConfigDir, "folder of controller.yaml and services.yaml")
	root.PersistentFlags().StringVarP(&a.Format, "output", "o", "text", "form of the result: text or json")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if a.Format != "text" && a.Format != "json" {
			return fault.New(fault.Usage, "-o %s: it is text or json", a.Format)
		}
		return refuse.MissingFlags(cmd)
	}
	root.SetFlagErrorFunc(a.flagRefused)
	a.Complete().Flags(root)
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
