package main

import (
	"context"
	"fmt"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// service is the service that the demo brings live.
const service = "baidu-netdisk"

// The commits of the demo, in the order in which they are pushed.
const (
	first = iota
	second
	broken
	third
	commits
)

// release is a commit that the producer publishes sooner or later.
type release struct {
	commit, message string

	published chan struct{} // closed when it is, or never will be
	bytes     int64         // of its compressed layers; read after published
	err       error
}

// releases are the demo's commits. They are pushed at once and built in turn while the
// scenes are played: that saves a third of the time.
type releases struct {
	all    [commits]*release
	cancel context.CancelFunc
	done   chan struct{}
}

// layers are the image's below the program: a few tens of megabytes.
func layers(edit string) []lab.Layer {
	return []lab.Layer{
		{Name: "runtime", Size: 20 << 20, Noise: 60, Seed: 1},
		{Name: "libraries", Size: 14 << 20, Noise: 70, Seed: 2},
		{Name: "pages", Size: 2 << 20, Noise: 60, Seed: 3, Edit: edit},
	}
}

// push commits everything and begins to publish.
func push(ctx context.Context, w *lab.World) (*releases, error) {
	changes := [commits]lab.Change{
		first:  {Layers: layers(""), Message: "the first version"},
		second: {Layers: layers("a better title"), Message: "a better title on the pages"},
		broken: {Behaviour: "never-healthy", Message: "a faster start (it never becomes healthy)"},
		third:  {Behaviour: "ok", Message: "a faster start, now right"},
	}
	r := &releases{done: make(chan struct{})}
	for i, change := range changes {
		commit, err := w.CI.Commit(ctx, service, change)
		if err != nil {
			return nil, err
		}
		r.all[i] = &release{commit: commit, message: change.Message, published: make(chan struct{})}
	}
	ctx, r.cancel = context.WithCancel(ctx)
	go func() {
		defer close(r.done)
		for _, one := range r.all {
			one.bytes, one.err = publish(ctx, w, one.commit)
			close(one.published)
		}
	}()
	return r, nil
}

// publish returns the size of the image's layers as the registry has them.
func publish(ctx context.Context, w *lab.World, commit string) (bytes int64, err error) {
	summary, err := w.CI.Publish(ctx, service, commit)
	if err != nil {
		return 0, err
	}
	image, err := w.CI.Image(ctx, summary)
	if err != nil {
		return 0, err
	}
	manifest, err := image.Manifest()
	if err != nil {
		return 0, fmt.Errorf("size of %s: %w", commit, err)
	}
	for _, l := range manifest.Layers {
		bytes += l.Size
	}
	return bytes, nil
}

// end stops what is still being built and waits for it.
func (r *releases) end() {
	r.cancel()
	<-r.done
}

// short is a commit as people write it.
func short(commit string) string { return commit[:min(len(commit), 12)] }
