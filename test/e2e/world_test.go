//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/lab/hosts"
)

const repo = "../.."

// world is the two hosts, furnished as an operator would, and the producer.
type world struct {
	*hosts.Lab
	ci *lab.CI

	dir   string // programs and the producer's papers, on this machine
	tools string // the registry and the compose plugin

	// What the product printed, as JSON, while it furnished D601.
	bare, bootstrapped, notInstalled, installed string

	small lab.Summary // what small has published
	seed  uint64      // of the last large layer
}

// start brings everything up; building goes on while the hosts boot.
func start(ctx context.Context) (_ *world, err error) {
	w := &world{}
	if w.dir, err = os.MkdirTemp("", "unidesk-e2e-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start the two hosts: %w", err), w.close())
		}
	}()
	began := time.Now()
	if w.tools, err = build(ctx, "lab/tools/build.sh"); err != nil {
		return nil, err
	}
	var group errgroup.Group
	group.Go(func() (err error) {
		w.Lab, err = hosts.Up(ctx, hosts.Config{Log: os.Stderr, Packages: peers()})
		return err
	})
	for _, program := range []string{"agent", "controller"} {
		group.Go(func() error {
			_, err := build(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X github.com/pikasTech/unidesk-artifact-cd/internal/build.version=e2e",
				"-o", filepath.Join(w.dir, "unidesk-"+program), "./cmd/"+program)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	group = errgroup.Group{}
	group.Go(func() error {
		if err := w.furnishMaster(ctx); err != nil {
			return err
		}
		return w.furnishD601(ctx)
	})
	group.Go(func() (err error) {
		w.ci, err = lab.NewCI(ctx, filepath.Join(w.dir, "ci"), lab.Elsewhere{Exec: w.D601.Exec, Dial: w.D601.Dial, Registry: registryAddr})
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "e2e: the two hosts are furnished, %s after the start\n", time.Since(began).Round(100*time.Millisecond))
	return w, nil
}

// peers are packages with the programs that the product is measured against.
func peers() []string {
	if *benchRuns == 0 {
		return nil
	}
	return []string{"skopeo", "zstd"}
}

func (w *world) close() error {
	var err error
	if w.Lab != nil {
		err = w.Close()
	}
	return errors.Join(err, os.RemoveAll(w.dir))
}

// packages builds both versions of the packages, in dist.
var packages = sync.OnceValue(func() error {
	for _, version := range []string{older, newer} {
		if _, err := build(context.Background(), "packaging/build.sh", "deb", "v"+version, runtime.GOARCH); err != nil {
			return err
		}
	}
	return nil
})

// build runs a command in the repository and returns what it printed.
func build(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Stderr, cmd.Env = repo, os.Stderr, append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// file is a file that a host gets: of the repository, or as it stands here.
type file struct {
	path, from, text string
	mode             os.FileMode
}

func put(ctx context.Context, h *hosts.Host, files ...file) error {
	for _, f := range files {
		if f.mode == 0 {
			f.mode = 0o644
		}
		err := error(nil)
		if f.from != "" {
			err = h.CopyIn(ctx, f.from, f.path, f.mode)
		} else {
			err = h.WriteFile(ctx, f.path, []byte(f.text), f.mode)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// each runs commands inside a host in order, until one fails.
func each(ctx context.Context, h *hosts.Host, commands ...string) error {
	for _, c := range commands {
		if _, err := h.Output(ctx, strings.Fields(c)...); err != nil {
			return err
		}
	}
	return nil
}
