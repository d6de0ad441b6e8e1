package stage_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/stage"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// pulls is an engine beside a registry.
type pulls struct {
	*fakeEngine
	// registry is what it has, by full reference.
	registry map[string]engine.Image
	asked    []string
	untagged []string
	// away is why the registry does not answer; before is called with each pull.
	away   func() error
	before func() error
	// steps are reported in each pull in their order, after a second of work each.
	steps []engine.Pulled
}

func (p *pulls) ping(context.Context) error {
	if p.away == nil {
		return nil
	}
	return p.away()
}

func (p *pulls) Pull(_ context.Context, ref string, _ time.Duration, report func(engine.Pulled)) error {
	p.asked = append(p.asked, ref)
	if p.before != nil {
		if err := p.before(); err != nil {
			return err
		}
	}
	for _, s := range p.steps {
		time.Sleep(time.Second)
		report(s)
	}
	i, ok := p.registry[ref]
	if !ok {
		return fault.New(fault.ImageUnavailable, "pull %s: manifest unknown", ref)
	}
	p.images[i.ID] = &i
	return nil
}

func (p *pulls) Untag(_ context.Context, ref string) error {
	p.untagged = append(p.untagged, ref)
	return nil
}

// A pull that would fill the disk does not begin; an image that is there needs no room.
func TestNothingIsPulledThatTheDiskCannotTake(t *testing.T) {
	t.Parallel()
	repo, err := artifact.ParseRepository("unidesk/findjob")
	if err != nil {
		t.Fatal(err)
	}
	image := artifact.Pinned{Repository: repo, Manifest: artifact.DigestOf([]byte("m")), Config: artifact.DigestOf([]byte("c")), Bytes: 1 << 60}
	e := &pulls{fakeEngine: newFake(engine.Classic), registry: map[string]engine.Image{}}
	e.info.RootDir = t.TempDir()
	puller := stage.NewPuller(e, "127.0.0.1:5000", e.ping)
	err = puller.Stage(t.Context(), image, "findjob:0123", func(workload.Event) {})
	if fault.ReasonOf(err) != fault.DiskFull || fault.HintOf(err) == "" || len(e.asked) > 0 {
		t.Errorf("%v, hint %q, pulled %q", err, fault.HintOf(err), e.asked)
	}
	e.images[image.Config.String()] = &engine.Image{ID: image.Config.String(), Complete: true}
	if err := puller.Stage(t.Context(), image, "findjob:0123", func(workload.Event) {}); err != nil {
		t.Error(err)
	}
}

func TestAnImageIsPulledByDigestAndKnownByItsIdentity(t *testing.T) {
	t.Parallel()
	repo, err := artifact.ParseRepository("unidesk/findjob")
	if err != nil {
		t.Fatal(err)
	}
	image := artifact.Pinned{Repository: repo, Manifest: artifact.DigestOf([]byte("m")), Config: artifact.DigestOf([]byte("c"))}
	ref := "127.0.0.1:5000/unidesk/findjob@" + image.Manifest.String()
	const tag = "findjob:0123"
	other := artifact.DigestOf([]byte("other")).String()
	for name, c := range map[string]struct {
		store  engine.Store
		api    string
		there  *engine.Image
		served *engine.Image
		want   fault.Reason
		pulled bool
	}{
		"classic":                         {engine.Classic, "1.41", nil, &engine.Image{ID: image.Config.String(), Complete: true}, "", true},
		"containerd":                      {engine.Containerd, "1.51", nil, &engine.Image{ID: image.Manifest.String(), Complete: true}, "", true},
		"it is there":                     {engine.Classic, "1.41", &engine.Image{ID: image.Config.String(), Complete: true}, nil, "", false},
		"half of it is there":             {engine.Containerd, "1.51", &engine.Image{ID: image.Manifest.String()}, &engine.Image{ID: image.Manifest.String(), Complete: true}, "", true},
		"half of it comes":                {engine.Containerd, "1.51", nil, &engine.Image{ID: image.Manifest.String()}, fault.DigestMismatch, true},
		"another config":                  {engine.Classic, "1.41", nil, &engine.Image{ID: other, Complete: true}, fault.DigestMismatch, true},
		"the registry has it not":         {engine.Classic, "1.41", nil, nil, fault.ImageUnavailable, true},
		"an engine that tells too little": {engine.Containerd, "1.47", nil, nil, fault.CapabilityMissing, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &pulls{fakeEngine: newFake(c.store), registry: map[string]engine.Image{}}
			e.info.APIVersion = c.api
			if c.there != nil {
				e.images[c.there.ID] = c.there
			}
			if c.served != nil {
				e.registry[ref] = *c.served
			}
			var last workload.Event
			err := stage.NewPuller(e, "127.0.0.1:5000", e.ping).Stage(t.Context(), image, tag, func(e workload.Event) { last = e })
			if c.want != "" && (err == nil || fault.ReasonOf(err) != c.want) || c.want == "" && err != nil {
				t.Fatalf("%v (%s), want %q", err, fault.ReasonOf(err), c.want)
			}
			if (len(e.asked) > 0) != c.pulled || c.pulled && e.asked[0] != ref {
				t.Errorf("pulled %q", e.asked)
			}
			if err != nil {
				if _, err := e.Image(t.Context(), tag); !errors.Is(err, engine.ErrNotFound) {
					t.Error("it has the name all the same")
				}
				return
			}
			got, err := e.Image(t.Context(), tag)
			if err != nil || got.ID != e.info.Store.ID(image) {
				t.Errorf("%+v, %v", got, err)
			}
			if want := (workload.Event{Point: workload.PointStaged, Text: tag + " is " + workload.ShortID(got.ID)}); last != want || !slices.Contains(e.untagged, ref) {
				t.Errorf("untagged %q, reported %+v", e.untagged, last)
			}
		})
	}
}

// A registry that is started again, or an engine that is, costs a pull time only.
func TestAPullWaitsForWhatGoesAway(t *testing.T) {
	t.Parallel()
	repo, err := artifact.ParseRepository("unidesk/findjob")
	if err != nil {
		t.Fatal(err)
	}
	image := artifact.Pinned{Repository: repo, Manifest: artifact.DigestOf([]byte("m")), Config: artifact.DigestOf([]byte("c"))}
	ref := "127.0.0.1:5000/unidesk/findjob@" + image.Manifest.String()
	unavailable := fault.New(fault.ImageUnavailable, "pull: connection refused")
	away := fault.Transient(fault.RegistryUnavailable, "registry does not answer")
	for name, c := range map[string]struct {
		pull, ping error
		lasts      time.Duration
		want       fault.Reason
		retry      bool
	}{
		"the registry":                          {unavailable, away, 100 * time.Second, "", false},
		"the registry, back before it is asked": {unavailable, nil, 0, "", false},
		"the registry, for good":                {unavailable, away, time.Hour, fault.RegistryUnavailable, true},
		"the engine":                            {fault.Transient(fault.EngineUnavailable, "went away"), nil, 100 * time.Second, "", false},
		"the image":                             {unavailable, nil, time.Hour, fault.ImageUnavailable, false},
		"another program on the port":           {unavailable, fault.New(fault.RegistryUnavailable, "no registry"), time.Hour, fault.RegistryUnavailable, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := &pulls{fakeEngine: newFake(engine.Classic), registry: map[string]engine.Image{ref: {ID: image.Config.String(), Complete: true}}}
				back := time.Now().Add(c.lasts)
				e.before = func() error {
					if len(e.asked) == 1 || time.Now().Before(back) {
						return c.pull
					}
					return nil
				}
				e.away = func() error {
					if time.Now().Before(back) {
						return c.ping
					}
					return nil
				}
				err := stage.NewPuller(e, "127.0.0.1:5000", e.ping).Stage(t.Context(), image, "findjob:0123", func(workload.Event) {})
				if c.want == "" && err != nil || c.want != "" && (fault.ReasonOf(err) != c.want || fault.Retryable(err) != c.retry) {
					t.Errorf("%v after %d pulls", err, len(e.asked))
				}
				if c.want != "" && !c.retry && len(e.asked) > 2 {
					t.Errorf("pulled %d times", len(e.asked))
				}
			})
		})
	}
}

// An engine that pulls for a while shows how far it is, half of it by what it fetches and
// half by what it unpacks. A short pull shows nothing of the kind.
func TestALongPullShowsItsBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		repo, err := artifact.ParseRepository("unidesk/findjob")
		if err != nil {
			t.Fatal(err)
		}
		image := artifact.Pinned{Repository: repo, Manifest: artifact.DigestOf([]byte("m")), Config: artifact.DigestOf([]byte("c")), Bytes: 30}
		const registry = "127.0.0.1:5000"
		e := &pulls{fakeEngine: newFake(engine.Classic), steps: []engine.Pulled{
			{Total: 10}, {Fetched: 5, Total: 30}, {Fetched: 30, Total: 30}, {Fetched: 30, Unpacked: 20, Total: 30}, {Fetched: 30, Unpacked: 30, Total: 30},
		}}
		e.info.RootDir = t.TempDir()
		e.registry = map[string]engine.Image{
			registry + "/unidesk/findjob@" + image.Manifest.String(): {ID: image.Config.String(), Complete: true},
		}
		var got []workload.Event
		collect := func(e workload.Event) {
			if e.Total > 0 {
				got = append(got, e)
			}
		}
		if err := stage.NewPuller(e, registry, e.ping).Stage(t.Context(), image, "findjob:0123", collect); err != nil {
			t.Fatal(err)
		}
		want := []workload.Event{
			{Point: workload.PointLoad, Done: 0, Total: 10},
			{Point: workload.PointLoad, Done: 2, Total: 30},
			{Point: workload.PointLoad, Done: 15, Total: 30},
			{Point: workload.PointLoad, Done: 25, Total: 30},
			{Point: workload.PointLoad, Done: 30, Total: 30},
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}
