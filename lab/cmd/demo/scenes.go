package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// demo is the play: its world, its commits, and what a scene leaves the next.
type demo struct {
	screen   *screen
	world    *lab.World
	releases *releases
	shown    []shown
	rollback string // the command that a result has named
}

// scene is a promise of the product.
type scene struct {
	title string
	// look is what to look at, in a line.
	look string
	// needs is the commit that must have been published before.
	needs int
	// play types the commands, checks what came of them, and returns what it found
	// out, for the summary.
	play func(ctx context.Context) (found string, err error)
}

func (d *demo) scenes() []scene {
	return []scene{
		{"The contract", "what a deploy would do, from the catalog alone; nothing is contacted", none, d.contract},
		{"The plan", `"to transfer" and the checks: all are asked of the real hosts, nothing is written`, first, d.plan},
		{"A first deploy", "the image crosses once; then the checks, down to the digest", first, d.firstDeploy},
		{"The next commit", `"transferred": only what has changed, beside the image's size`, second, d.secondDeploy},
		{"The same again", `"changed": false: nothing is sent, nothing recreated; it is proven afresh`, second, d.again},
		{"A refusal", "a tag is not a commit: exit code 2, and nothing was begun", second, d.refusal},
		{"A broken commit", `"running now": what ran before is back, without anybody's help`, broken, d.brokenCommit},
		{"Killed in mid-switch", "the controller dies by kill -9 with an unproven version live; one command mends it", third, d.killed},
		{"Going back", "the command is the one that scene 4 named; nothing needs to cross", first, d.back},
		{"History", "a receipt for each deploy: what, by whom, how it ended", first, d.history},
	}
}

// none is the needs of a scene for which nothing must have been published.
const none = -1

// playAll plays every scene; no build runs any more when it returns.
func (d *demo) playAll(ctx context.Context) (err error) {
	if err := d.furnish(); err != nil {
		return err
	}
	if d.releases, err = push(ctx, d.world); err != nil {
		return err
	}
	defer d.releases.end()
	d.screen.commits(d.releases)
	if !d.world.Builder.Private {
		// It builds in the engine that runs the service: what is being built would
		// be there already when it is to cross.
		for _, r := range d.releases.all {
			if err := d.await(ctx, r); err != nil {
				return err
			}
		}
	}
	all := d.scenes()
	for i, s := range all {
		if s.needs != none {
			if err := d.await(ctx, d.releases.all[s.needs]); err != nil {
				return err
			}
		}
		d.screen.scene(i+1, len(all), s.title, s.look)
		began := time.Now()
		found, err := s.play(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("scene %d (%s) did not end as promised: %w", i+1, s.title, err)
		}
		d.screen.confirmed(found)
		d.shown = append(d.shown, shown{title: s.title, what: found, took: time.Since(began)})
	}
	return nil
}

// await waits until the producer has published a commit.
func (d *demo) await(ctx context.Context, r *release) error {
	select {
	case <-r.published:
		return r.err
	default:
	}
	d.screen.note("D601 builds and pushes %s", short(r.commit))
	defer d.screen.reassure("still building and pushing")()
	select {
	case <-r.published:
		return r.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// furnish makes the proof quicker and the line slower than they would be.
func (d *demo) furnish() error {
	const megabit = 1_000_000 / 8
	d.screen.hide = " --config " + d.world.Controller.Config
	d.world.SSH.Link.SetRate(100 * megabit)
	path := filepath.Join(d.world.Controller.Config, "services.yaml")
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	quick := strings.NewReplacer("stable: 5s", "stable: 2s", "timeout: 60s", "timeout: 5s").Replace(string(content))
	if quick == string(content) {
		return errors.New("services.yaml has other default times than the demo knows")
	}
	d.screen.line(`
For the demo: a proof takes 2 s of equal answers (by default 5 s) and waits 5 s
for the first good one (60 s); the line between the hosts carries 100 Mbit/s.
Commands are shown as on a real master. Here each has --config %s
and the lab gives names on the engine a prefix, %s`, d.world.Controller.Config, d.world.Prefix)
	return os.WriteFile(path, []byte(quick), 0o600)
}

// deploy is the main job's command line.
func deploy(commit string, flags ...string) []string {
	return append([]string{"artifact-registry", "deploy-service", "--service", service, "--commit", commit}, flags...)
}
