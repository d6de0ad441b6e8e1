// Command unidesk-agent serves facts and single acts of its host over a unix
// socket, and joins standard streams to that socket for ssh.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/agent"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// version is set by the linker: -X main.version=1.2.3.
var version string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := root().ExecuteContext(ctx)
	stop()
	if err != nil {
		// One line: over ssh it becomes part of the controller's message.
		fmt.Fprintf(os.Stderr, "unidesk-agent: %v\n", err)
	}
	os.Exit(exitCode(err))
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "unidesk-agent",
		Short:         "Serve this host's registry and facts to unidesk-controller",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	cmd.AddCommand(serve(), stdio(), showVersion())
	return cmd
}

func serve() *cobra.Command {
	var config string
	var level slog.Level
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Listen on the unix socket until told to stop",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := agent.LoadFile(config)
			if err != nil {
				return err
			}
			journal := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
			a, err := agent.New(c, buildVersion(), journal)
			if err != nil {
				return err
			}
			l, err := agent.Listen(cmd.Context(), c.Socket)
			if err != nil {
				return fmt.Errorf("listen: %w", err)
			}
			journal.Info("serving", slog.String("socket", l.Addr().String()), slog.String("version", buildVersion()),
				slog.String("registry", c.Registry))
			return a.Run(cmd.Context(), l)
		},
	}
	cmd.Flags().StringVar(&config, "config", agent.DefaultConfig, "configuration file")
	cmd.Flags().TextVar(&level, "log-level", slog.LevelInfo, "debug, info, warn or error")
	return cmd
}

func stdio() *cobra.Command {
	var socket string
	cmd := &cobra.Command{
		Use:   "stdio",
		Short: "Join standard input and output to the agent's socket",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return agent.Stdio(cmd.Context(), socket, os.Stdin, os.Stdout)
		},
	}
	cmd.Flags().StringVar(&socket, "socket", agent.DefaultSocket, "the agent's socket")
	return cmd
}

func showVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), buildVersion())
			return err
		},
	}
}

// buildVersion falls back to what go build records of the checkout.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// exitCode is the one place where errors become exit codes. Those of stdio cross
// ssh to the controller.
func exitCode(err error) int {
	switch f := (*fault.Error)(nil); {
	case err == nil:
		return 0
	case !errors.As(err, &f):
		return 1
	case f.Reason == fault.HostUnreachable:
		return tunnel.ExitNoAgent
	case f.Reason == fault.RoleMissing:
		return tunnel.ExitNoPermission
	default:
		return 1
	}
}
