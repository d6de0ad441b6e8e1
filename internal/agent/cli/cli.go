// Package cli is the agent's command line. Over ssh the last line that it prints becomes part
// of the controller's message, and by its exit code the controller knows why nothing answers.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/agent"
	"github.com/pikasTech/unidesk-artifact-cd/internal/build"
	"github.com/pikasTech/unidesk-artifact-cd/internal/daemonlog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

const program = "unidesk-agent"

// Exit codes of its own. Package tunnel has the codes that the controller reads.
const (
	exitFailed = 1
	exitUsage  = 2
)

// Run runs a command line and returns its exit code.
func Run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	begun := false
	root := Command(in, out, errs)
	root.PersistentPreRun = func(*cobra.Command, []string) { begun = true } // the flags and words are right
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(errs, "%s: %v\n", program, err) // a single line, for the controller's message
	if !begun || fault.ReasonOf(err) == fault.Usage {
		return exitUsage
	}
	return exitCode(err)
}

// Command returns the agent's commands. stdio joins in and out, serve logs to errs.
func Command(in io.Reader, out, errs io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   program,
		Short: "Serve this host's registry and facts to unidesk-controller",
		Long: `unidesk-agent serves facts and single acts of its host over a unix socket, to accounts with a role in
/etc/unidesk/agent.yaml. systemd starts it. ssh joins the controller to the socket by "unidesk-agent stdio".

Exit codes: 0 ok, 1 failed, 2 usage; of stdio also 69, no agent answers, and 77, the account may not open the socket.`,
		Version:       build.Read().Line(program),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs, // group refuses each
	}
	cmd.SetOut(out) // the default commands below look at it when they are made
	cmd.SetErr(errs)
	cmd.SetVersionTemplate("{{.Version}}\n")
	cmd.AddCommand(serve(errs), stdio(in), version())
	cmd.InitDefaultHelpCmd()
	cmd.InitDefaultCompletionCmd()
	group(cmd)
	for _, c := range cmd.Commands() {
		switch c.Name() {
		case "help":
			c.Run, c.RunE = nil, help
		case "completion":
			c.Args = cobra.ArbitraryArgs
			group(c)
		}
	}
	return cmd
}

// group has a command with subcommands refuse a word that is none of them; cobra would print the
// help, and exit with 0.
func group(cmd *cobra.Command) {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return unknown(cmd, args[0])
	}
}

func unknown(cmd *cobra.Command, word string) error {
	return fault.New(fault.Usage, "unknown command %q for %q; `%s --help` lists what there is", word, cmd.CommandPath(), cmd.CommandPath())
}

// help is the command help, which refuses a word that is no command.
func help(cmd *cobra.Command, words []string) error {
	found, rest, err := cmd.Root().Find(words)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return unknown(found, rest[0])
	}
	return found.Help()
}

func serve(errs io.Writer) *cobra.Command {
	var config string
	var level slog.Level
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Listen on the unix socket until a signal stops it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := agent.LoadFile(config)
			if err != nil {
				return err
			}
			version := build.Read().Version
			journal := daemonlog.New(errs, level, slog.NewJSONHandler(errs, &slog.HandlerOptions{Level: level}))
			a, err := agent.New(c, version, journal)
			if err != nil {
				return err
			}
			l, err := agent.Listen(cmd.Context(), c.Socket)
			if err != nil {
				return fmt.Errorf("listen: %w", err)
			}
			journal.Info("serving", slog.String("socket", l.Addr().String()), slog.String("version", version),
				slog.String("registry", c.Registry))
			return a.Run(cmd.Context(), l)
		},
	}
	cmd.Flags().StringVar(&config, "config", agent.DefaultConfig, "configuration file")
	cmd.Flags().TextVar(&level, "log-level", slog.LevelInfo, "debug, info, warn or error")
	return cmd
}

func stdio(in io.Reader) *cobra.Command {
	var socket string
	cmd := &cobra.Command{
		Use:   "stdio",
		Short: "Join standard input and output to the agent's socket",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return agent.Stdio(cmd.Context(), socket, in, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&socket, "socket", agent.DefaultSocket, "the agent's socket")
	return cmd
}

func version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit and the Go version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), build.Read().Line(program))
			return err
		},
	}
}

// exitCode turns each error of a command into an exit code. The codes of stdio cross ssh to
// the controller.
func exitCode(err error) int {
	switch f := (*fault.Error)(nil); {
	case !errors.As(err, &f):
		return exitFailed
	case f.Reason == fault.HostUnreachable:
		return tunnel.ExitNoAgent
	case f.Reason == fault.RoleMissing:
		return tunnel.ExitNoPermission
	default:
		return exitFailed
	}
}
