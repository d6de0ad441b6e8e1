// Command demo shows what the product does, to a person who sees it for the first time:
// it plays both hosts on this machine with the real things (package lab), releases real
// commits and types the commands that an operator would type.
//
// It believes nothing that the product prints: after each scene it asks the container
// and the line between the hosts itself, and ends with an error when something is not
// as promised. It refuses nothing and keeps nothing; what it made goes when it ends,
// also when it is interrupted or killed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"charm.land/lipgloss/v2"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// exitInterrupted is what a shell expects of a program that Ctrl-C ended.
const exitInterrupted = 130

func main() {
	// The controllers started from here are to die with this process. The kernel ties
	// that to the thread that started them: this thread stays until the end.
	runtime.LockOSThread()

	var options lab.Options
	flag.StringVar(&options.Socket, "socket", "", "Docker socket to use if an engine answers on it (default /var/run/docker.sock)")
	flag.BoolVar(&options.Keep, "keep", false, "leave the demo's folder behind, with the logs")
	flag.Parse()
	os.Exit(run(options))
}

func run(options lab.Options) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	s := newScreen(os.Stdout)
	// A second Ctrl-C changes nothing: to clean up takes a minute at the very most, and
	// what an unawaited docker compose does would be left.
	tell := context.AfterFunc(ctx, func() {
		s.line("\n%s", warn.Render("interrupted: cleaning up, which takes some seconds"))
	})
	defer tell() // before stop, which ends ctx too

	err, left := play(ctx, s, options)
	switch {
	case left != nil:
		lipgloss.Fprintln(os.Stderr, bad.Render("demo:"), "something could not be cleaned up:", errors.Join(left, err))
		return 1
	case ctx.Err() != nil:
		s.line("interrupted; nothing is left of the demo")
		return exitInterrupted
	case err != nil:
		lipgloss.Fprintln(os.Stderr, bad.Render("demo:"), err)
		return 1
	}
	return 0
}

// play brings the lab up, shows every scene, and takes the lab away again. What
// it could not take away is in left.
func play(ctx context.Context, s *screen, options lab.Options) (err, left error) {
	s.intro()
	if options.Dir, err = os.MkdirTemp("", "unidesk-demo-"); err != nil {
		return err, nil
	}
	options.Log = s.note
	quiet := s.reassure("still preparing (programs are built once)")
	world, err := lab.Start(ctx, options)
	quiet()
	if err != nil {
		if left := os.Remove(options.Dir); left != nil && !options.Keep && !errors.Is(left, os.ErrNotExist) {
			return err, left
		}
		return explain(err), nil
	}
	d := &demo{screen: s, world: world}
	err = d.playAll(ctx)
	s.note("taking the lab away")
	if left = world.Close(); left == nil && err == nil {
		s.summary(d.shown)
	}
	return err, left
}

// explain adds what an ordinary user needs to an error of the lab's start.
func explain(err error) error {
	if os.Geteuid() == 0 || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w\n\nAs an ordinary user the demo needs a Docker Engine that you may use (group docker, socket\n"+
		"/var/run/docker.sock), git, ssh and sshd. As root it installs and starts what it needs by itself:\n\n  sudo make demo", err)
}
