package stage_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/stage"
)

// finds answers each question for an image with the same image, or with an error.
type finds struct {
	image artifact.Image
	err   error
	asked []artifact.Pinned
}

func (f *finds) Pinned(_ context.Context, image artifact.Pinned) (artifact.Image, error) {
	f.asked = append(f.asked, image)
	return f.image, f.err
}

// stream stages what is found for an image, under a tag.
func (w *world) stream(f *finds, src layers.Source, image artifact.Pinned, tag string) error {
	w.t.Helper()
	spool, err := layers.OpenSpool(w.dir, w.quota, w.opened())
	if err != nil {
		w.t.Fatal(err)
	}
	return stage.NewStreamer(f, stage.New(w.engine, spool, src)).Stage(w.t.Context(), image, tag, w.record.emit)
}

// untouched fails the test unless nothing crossed, nothing was loaded, no point was reported.
func (w *world) untouched(src *source) {
	w.t.Helper()
	if len(src.asked) > 0 || len(w.engine.loads) > 0 || len(w.engine.images) > 0 || len(w.files()) > 0 || w.record.points() != "" {
		w.t.Errorf("asked for %v, loaded %q, spooled %q, reported %q", src.asked, w.engine.loads, w.files(), w.record.points())
	}
}

func TestTheImageThatDigestsNameIsStreamed(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t, engine.Classic), threeLayers(t)
	f := &finds{image: p.Image}
	if err := w.stream(f, p.source(), p.Pinned, p.tag()); err != nil {
		t.Fatal(err)
	}
	if len(f.asked) != 1 || f.asked[0] != p.Pinned {
		t.Errorf("asked for %+v", f.asked)
	}
	w.settled(p)
}

func TestAnotherImageThanTheOneThatDigestsNameIsNotStreamed(t *testing.T) {
	t.Parallel()
	other := artifact.DigestOf([]byte("other"))
	for name, digest := range map[string]func(*artifact.Pinned) *artifact.Digest{
		"another manifest": func(p *artifact.Pinned) *artifact.Digest { return &p.Manifest },
		"another config":   func(p *artifact.Pinned) *artifact.Digest { return &p.Config },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p := newWorld(t, engine.Classic), threeLayers(t)
			src, want := p.source(), p.Pinned
			*digest(&want) = other
			err := w.stream(&finds{image: p.Image}, src, want, p.tag())
			if fault.ReasonOf(err) != fault.DigestMismatch {
				t.Fatal(err)
			}
			for _, d := range []string{digest(&p.Pinned).String(), other.String()} {
				if !strings.Contains(err.Error(), d) {
					t.Errorf("it does not name %s: %v", d, err)
				}
			}
			w.untouched(src)
		})
	}
}

func TestAnImageThatIsNotFoundIsNotStreamed(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t, engine.Classic), threeLayers(t)
	src := p.source()
	if err := w.stream(&finds{image: p.Image, err: io.EOF}, src, p.Pinned, p.tag()); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	w.untouched(src)
}

// A version that was proven before can be named without the registry.
func TestAnImageThatTheEngineHasNeedsNoLayersToBeFound(t *testing.T) {
	t.Parallel()
	for _, store := range []engine.Store{engine.Classic, engine.Containerd} {
		w, p := newWorld(t, store), threeLayers(t)
		if err := w.stream(&finds{image: p.Image}, p.source(), p.Pinned, p.tag()); err != nil {
			t.Fatal(err)
		}
		src, lost := p.source(), &finds{err: io.EOF}
		if err := w.stream(lost, src, p.Pinned, "baidu-netdisk:again"); err != nil || len(src.asked) > 0 {
			t.Errorf("%v: %v, asked for %v", store, err, src.asked)
		}
		if got, err := w.engine.Image(t.Context(), "baidu-netdisk:again"); err != nil || got.ID != store.ID(p.Pinned) {
			t.Errorf("%v: %+v, %v", store, got, err)
		}
		other := p.Pinned
		other.Manifest, other.Config = artifact.DigestOf([]byte("m")), artifact.DigestOf([]byte("c"))
		if err := w.stream(lost, src, other, "baidu-netdisk:other"); !errors.Is(err, io.EOF) {
			t.Errorf("%v: another image: %v", store, err)
		}
	}
}
