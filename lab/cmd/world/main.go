// Command world brings a lab up, prints where everything is and keeps it until it is
// interrupted: for looking around by hand.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

func main() {
	var options lab.Options
	installed := flag.String("installed", "", "services that run from the start, joined by commas")
	flag.BoolVar(&options.WithoutProduct, "without-product", false, "leave agent and controller out")
	flag.StringVar(&options.Dir, "dir", "", "where to keep everything (default: a temporary folder)")
	flag.StringVar(&options.Socket, "socket", "", "Docker socket to use where an engine answers on it")
	flag.BoolVar(&options.Keep, "keep", false, "leave the folder behind")
	empty := flag.Bool("empty", false, "release nothing: the registry stays empty, and there is no deploy.json")
	flag.Parse()
	if *installed != "" {
		options.Installed = strings.Split(*installed, ",")
	}
	options.Log = func(format string, args ...any) { fmt.Fprintf(os.Stderr, "lab: "+format+"\n", args...) }

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := keep(ctx, options, *empty); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

// keep holds the world until ctx ends.
func keep(ctx context.Context, options lab.Options, empty bool) (err error) {
	w, err := lab.Start(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	var released []release
	if !empty {
		if released, err = releaseAll(ctx, w, options.Log); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stdout, "folder      %s\nregistry    %s\nmaster      DOCKER_HOST=%s, %s\nbuilder     DOCKER_HOST=%s\nssh         ssh -F %s %s\n",
		w.Dir, w.Registry.URL(), w.Engine.Host, w.Master.Root, w.Builder.Host, w.SSH.ClientConfig, lab.HostAlias)
	if w.Controller != nil {
		fmt.Fprintf(os.Stdout, "agent       %s\ncontroller  %s\nsupervisor  %s signs grants\n", w.Agent.Socket, controller(w), w.Controller.Supervisor)
	}
	for service, v := range w.Installed {
		fmt.Fprintf(os.Stdout, "runs        %s %s\n", service, v.SourceCommit)
	}
	for _, r := range released {
		fmt.Fprintf(os.Stdout, "published   %s %s  %s\n", r.service, r.commit, r.message)
	}
	if w.Controller != nil && !empty {
		fmt.Fprintf(os.Stdout, "\nTo type in another terminal:\n\n%s\n", script(w, released))
	}
	fmt.Fprintln(os.Stdout, "interrupt to end it")
	<-ctx.Done()
	return nil
}
