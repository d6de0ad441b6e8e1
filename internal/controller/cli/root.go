// Package cli is the command line, with one file per command. It reads what a person
// or a script asks for, and answers. It decides nothing about a deploy.
//
// Results go to stdout, everything else to stderr; what the command came to is
// in the exit code.
package cli

import (
	"context"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/complete"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
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

// fit makes every text of the streams fit for a terminal, and its lines to type ready
// to type. Words of a host, an image's label, a container's log or a command line appear
// and do nothing. It is the one place for this, for every command that prints.
func (a *app) fit(s Streams) {
	s.Out = present.Fitted(s.Out, func(text string) string { return a.typed(text, a.format == "json") })
	s.Err = present.Fitted(s.Err, func(text string) string { return a.typed(text, false) })
	a.Streams = s
}

// typed returns the text with --config in its lines to type, if it was given: each is
// about the same folder as this command.
func (a *app) typed(text string, inJSON bool) string {
	folder := plain.Quote(a.configDir)
	if inJSON {
		folder = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(folder) // present makes the rest fit
	}
	if a.configDir == site.DefaultConfigDir || a.configDir == "" {
		return text
	}
	return remedy.Typed(text, folder)
}

// app is what the commands share.
type app struct {
	Streams
	version   string
	args      []string
	configDir string
	format    string
	onEvent   func(workload.Event)
	// probe may be nil: then nothing is asked past an agent that does not answer.
	probe  site.SSHProbe
	acting activity
	// maxRate is of what crosses from the registry's host.
	maxRate byteRate
}

// Run runs one command line and returns its exit code. onEvent, if not nil, is
// told of each point of a deploy after the person was.
func Run(ctx context.Context, args []string, streams Streams, version string, onEvent func(workload.Event)) int {
	a := &app{args: args, version: version, onEvent: onEvent, probe: site.ProbeBySSH}
	a.fit(streams)
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
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
		Args:          cobra.ArbitraryArgs, // no word is an argument: refuse.Group refuses each
		SilenceErrors: true, SilenceUsage: true, Version: a.version,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if a.format != "text" && a.format != "json" {
				return fault.New(fault.Usage, "-o %s: it is text or json", a.format)
			}
			return refuse.MissingFlags(cmd)
		},
	}
	cmd.PersistentFlags().StringVar(&a.configDir, "config", site.DefaultConfigDir, "folder of controller.yaml and services.yaml")
	cmd.PersistentFlags().StringVarP(&a.format, "output", "o", "text", "form of the result: text or json")
	refuse.Group(cmd, a.registry(), a.deploy(), a.history(), a.verify(), a.rollback(), a.logs(), a.recover(), a.watch(), a.services(), a.catalog(), a.host(), a.doctor(), a.versionCommand())
	cmd.SetVersionTemplate("{{.Version}}\n")
	a.complete().Flags(cmd)
	refuse.Words(cmd)
	cmd.SetFlagErrorFunc(a.flagRefused)
	return cmd
}

// complete completes the words of a line.
func (a *app) complete() complete.Completer {
	return complete.Completer{ConfigDir: &a.configDir, Version: a.version}
}

// flagRefused answers in the form that was asked for, although a flag that stands
// behind the wrong flag was not read.
func (a *app) flagRefused(cmd *cobra.Command, err error) error {
	form := pflag.NewFlagSet("", pflag.ContinueOnError)
	form.ParseErrorsAllowlist.UnknownFlags = true
	form.StringVarP(&a.format, "output", "o", a.format, "")
	form.StringVar(&a.configDir, "config", a.configDir, "")
	_ = form.Parse(a.args)
	return refuse.Flag(cmd, err)
}

type versionCommand struct{ *app }

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Example: "  unidesk-controller version -o json", Args: cobra.NoArgs,
		RunE: a.runs(versionCommand{a}),
	}
}

func (c versionCommand) run(context.Context) (present.Answer, error) {
	return present.Version(c.version), nil
}
