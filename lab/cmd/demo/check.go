package main

import (
	"context"
	"fmt"
	"strings"
)

// What is checked here is asked of the container, the line and the registry,
// never of the product.

// exits checks a command's exit code.
func (o outcome) exits(want int) error {
	if o.exit != want {
		return fmt.Errorf("the command ended with exit code %d, promised was %d", o.exit, want)
	}
	return nil
}

// says checks that a result contains some words.
func (o outcome) says(words ...string) error {
	for _, w := range words {
		if !strings.Contains(o.out, w) {
			return fmt.Errorf("the result does not say %q", w)
		}
	}
	return nil
}

// follows returns what stands behind a field's name in a result.
func (o outcome) follows(field string) string {
	for line := range strings.Lines(o.out) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), field); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// label returns the commit in the label of the image that the container was made from.
func (d *demo) label(ctx context.Context) (string, error) {
	return d.world.Master.Inspect(ctx, service, `{{index .Config.Labels "org.opencontainers.image.revision"}}`)
}

// lives checks that the container's label and the service's own answer name a commit.
func (d *demo) lives(ctx context.Context, commit string) error {
	label, err := d.label(ctx)
	if err != nil {
		return err
	}
	if label != commit {
		return fmt.Errorf("the container's label says %s, promised was %s", label, commit)
	}
	answer, err := d.world.Master.LiveCommit(ctx, service)
	if err != nil {
		return err
	}
	if answer != commit {
		return fmt.Errorf("/health says %s, promised was %s", answer, commit)
	}
	return nil
}

// nothingRuns checks that the service has no container.
func (d *demo) nothingRuns(ctx context.Context) error {
	out, err := d.world.Engine.Docker(ctx, "ps", "--all", "--quiet", "--filter", "name="+d.world.Master.Container(service))
	if err == nil && strings.TrimSpace(out) != "" {
		err = fmt.Errorf("there is a container already: %s", out)
	}
	return err
}

// container identifies the very container and its very start.
func (d *demo) container(ctx context.Context) (string, error) {
	return d.world.Master.Inspect(ctx, service, "{{.Id}} {{.State.StartedAt}}")
}

// odometer counts what comes over the line from D601, ssh's own bytes included.
func (d *demo) odometer() (since func() int64) {
	_, begin := d.world.SSH.Link.Bytes()
	return func() int64 {
		_, now := d.world.SSH.Link.Bytes()
		return now - begin
	}
}

// sshOverhead is what may cross beside the layers: ssh's packets, and its handshake.
func sshOverhead(layers int64) int64 { return layers/50 + 256<<10 }

// size is a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}
