// Command unidesk-controller brings exactly the asked commit live, and proves
// it. See internal/controller/cli for the commands.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"golang.org/x/term"

	"github.com/pikasTech/unidesk-artifact-cd/internal/build"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli"
)

// memory is what the collector works towards; nothing here grows with an image.
const memory = 40 << 20

// garbage is how much may wait for the collector, in percent of what is in use. Go's
// 100 lets the peak follow how the disk keeps up, by a sixth between layers of 100 and
// 600 MB; a collection here is a millisecond, and few come.
const garbage = 25

func main() {
	debug.SetMemoryLimit(memory)
	debug.SetGCPercent(garbage)
	os.Exit(run())
}

func run() int {
	// A terminal that went away and a closed pipe change nothing. They are caught
	// and not ignored: an ignored signal would stay ignored in the programs that
	// are started.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGPIPE)
	stop := make(chan os.Signal, 2)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	streams := cli.Streams{Out: os.Stdout, Err: os.Stderr, Terminal: term.IsTerminal(int(os.Stderr.Fd())), Stop: stop}
	if term.IsTerminal(int(os.Stdin.Fd())) {
		streams.In = os.Stdin
	}
	return cli.Run(context.Background(), os.Args[1:], streams, build.Read().Version, onEvent())
}
