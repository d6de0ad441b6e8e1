// Package cli is the command line: it joins the commands of the packages below it to a root.
// It reads what a person or a script asks for, and answers. It decides nothing about a deploy.
//
// Results go to stdout, everything else to stderr; what the command came to is
// in the exit code.
package cli

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/build"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/deploycmd"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/inspectcmd"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/registrycmd"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/setupcmd"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Streams are what a command writes to.
type Streams = command.Streams

// Run runs one command line and returns its exit code. onEvent, if not nil, is
// told of each point of a deploy after the person was.
func Run(ctx context.Context, args []string, streams Streams, version string, onEvent func(workload.Event)) int {
	a := command.New(args, streams, version, onEvent)
	cmd := root(a)
	cmd.SetArgs(args)
	return a.Execute(ctx, cmd)
}

// Command returns the commands, to be described and not to be run.
func Command() *cobra.Command {
	return root(command.New(nil, Streams{Out: io.Discard, Err: io.Discard}, build.Read().Version, nil))
}

// root joins all commands.
func root(a *command.App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   present.Program,
		Short: "Bring exactly the asked commit live, and prove it",
		Long: `unidesk-controller brings the image of exactly one commit from the registry on
D601 to where its service runs, switches the service to it, proves that what
runs is that commit, and reverts the switch when it cannot.

deploy-service, deploy-backend-core and rollback act with --run-now, and only
look without it. deploy apply, artifact-registry install and host bootstrap act
at once, and only look with --dry-run; at a terminal deploy apply asks before it
deploys a whole environment. prefetch and recover act at once.

Results are on stdout, progress and notes on stderr.`,
		Args:          cobra.ArbitraryArgs, // no word is an argument: refuse.Group refuses each
		SilenceErrors: true, SilenceUsage: true, Version: a.Build().Line(present.Program),
	}
	titled(cmd, "look", "Look",
		inspectcmd.NewStatus(a), inspectcmd.NewServices(a), inspectcmd.NewHistory(a), inspectcmd.NewLogs(a), inspectcmd.NewVerify(a), inspectcmd.NewMetrics(a), inspectcmd.NewPage(a))
	titled(cmd, "deploy", "Deploy",
		registrycmd.NewRegistry(a, deploycmd.NewPrefetch(a), deploycmd.NewDeployService(a), deploycmd.NewDeployBackendCore(a)),
		deploycmd.NewDeploy(a), deploycmd.NewRollback(a), deploycmd.NewRecover(a), deploycmd.NewWatch(a))
	titled(cmd, "setup", "Set up",
		setupcmd.NewDoctor(a), setupcmd.NewHost(a), setupcmd.NewCatalog(a), setupcmd.NewConfig(a), setupcmd.NewNotify(a))
	titled(cmd, "help", "Help", setupcmd.NewExplain(a), setupcmd.NewSchema(a), setupcmd.NewVersion(a))
	cmd.SetHelpCommandGroupID("help")
	cmd.SetCompletionCommandGroupID("help")
	refuse.Group(cmd, topics()...)
	cmd.SetOut(a.Out)
	cmd.SetErr(a.Err)
	cmd.SetVersionTemplate("{{.Version}}\n")
	cmd.SetUsageTemplate(strings.NewReplacer(".FlagUsages", ".FlagUsagesWrapped 80", "{{rpad .CommandPath .CommandPathPadding}}", "help {{rpad .Name 13}}",
		`Use "{{.CommandPath}} [command] --help" for more information about a command.`, `"{{.CommandPath}} COMMAND --help" shows more.`).Replace(cmd.UsageTemplate()))
	refuse.Defaults(cmd)
	a.Globals(cmd)
	refuse.Words(cmd)
	return cmd
}

// titled adds commands that help lists below a title.
func titled(root *cobra.Command, id, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: id, Title: title + ":"})
	for _, c := range commands {
		c.GroupID = id
	}
	root.AddCommand(commands...)
}
