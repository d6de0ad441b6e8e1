// Command unidesk-agent serves facts and single acts of its host over a unix
// socket, and joins standard streams to that socket for ssh. See
// internal/agent/cli for the commands.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/pikasTech/unidesk-artifact-cd/internal/agent/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	code := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
