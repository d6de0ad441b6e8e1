package deploy_test

import (
	"cmp"
	"context"
	"log/slog"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm/confirmtest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// host is a machine with the product's own target on it, and the way to it. What can
// go wrong on the machine is [confirmtest.Host]'s; the way can be cut.
type host struct {
	*confirmtest.Host
	t      *testing.T
	spec   workload.Spec
	labels func(artifact.Commit) map[string]string // of the service's image at a commit
	target *confirm.Target[confirmtest.State]

	staged   []artifact.Digest
	retired  []artifact.Commit
	switches int
	renewals int // that the host accepted

	failKeep           error // the answer to keep, of a host that does not
	onSwitch, onSettle func()
	onReverted         func()
	readOnly           bool
	beside             map[string]workload.Observation // of other services
	away               func(call string) bool          // is the way cut, before and after a call?
	silence            error                           // what a call gets then
}

func newHost(t *testing.T, spec workload.Spec, labels func(artifact.Commit) map[string]string) *host {
	t.Helper()
	secrets := map[string]string{}
	for _, name := range spec.Secrets {
		secrets[name] = "a secret"
	}
	h := &host{Host: confirmtest.New(spec, secrets), t: t, spec: spec, labels: labels}
	h.Health = honest
	h.Labels = func(p artifact.Pinned) map[string]string { return labels(p.Commit) }
	h.target = confirm.New(h.Host, t.TempDir())
	h.target.Now = h.Now
	return h
}

// watch reverts what no run settles, as an agent does, until the story ends.
func (h *host) watch() (stop func()) {
	ctx, cancel := context.WithCancel(h.t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		h.target.Watch(ctx, slog.New(slog.DiscardHandler))
	}()
	return func() {
		cancel()
		<-over
	}
}

func (h *host) cut(call string) error {
	if h.away != nil && h.away(call) {
		return cmp.Or(h.silence, error(fault.Transient(fault.HostUnreachable, "the way is cut")))
	}
	return nil
}

func (h *host) writes(what string) {
	if h.readOnly {
		h.t.Errorf("%s was called by something that must only read", what)
	}
}

func (h *host) Observe(ctx context.Context, ref workload.Ref, probe bool) (workload.Observation, error) {
	if err := h.cut("observe"); err != nil {
		return workload.Observation{}, err
	}
	if other, ok := h.beside[ref.Name()]; ok {
		return other, nil
	}
	return h.target.Observe(ctx, ref, probe)
}

func (h *host) Neighbours(ctx context.Context, ref workload.Ref) ([]workload.Neighbour, error) {
	if err := h.cut("neighbours"); err != nil {
		return nil, err
	}
	return h.target.Neighbours(ctx, ref)
}

func (h *host) FindImage(ctx context.Context, ref workload.Ref, image artifact.Pinned) (artifact.Image, bool, error) {
	if err := h.cut("find image"); err != nil {
		return artifact.Image{}, false, err
	}
	return h.target.FindImage(ctx, ref, image)
}

func (h *host) Stage(ctx context.Context, ref workload.Ref, image artifact.Pinned, emit func(workload.Event)) error {
	h.writes("Stage")
	err := h.target.Stage(ctx, ref, image, emit)
	if err == nil {
		h.staged = append(h.staged, image.Manifest)
	}
	return err
}

func (h *host) Switch(ctx context.Context, c workload.Change, emit func(workload.Event)) error {
	h.writes("Switch")
	if err := h.cut("switch"); err != nil {
		return err
	}
	if err := h.target.Switch(ctx, c, emit); err != nil {
		return err
	}
	h.switches++
	if h.onSwitch != nil {
		h.onSwitch()
	}
	return h.cut("switched")
}

func (h *host) Settle(ctx context.Context, ref workload.Ref, s workload.Settlement, emit func(workload.Event)) error {
	h.writes("Settle")
	if h.onSettle != nil {
		h.onSettle()
	}
	if err := h.cut("settle"); err != nil {
		return err
	}
	if s.Outcome == workload.Keep && h.failKeep != nil {
		return h.failKeep
	}
	if err := h.target.Settle(ctx, ref, s, emit); err != nil {
		return err
	}
	if s.Outcome == workload.Keep {
		h.retired = append(h.retired, s.Retire...)
	} else if h.onReverted != nil {
		h.onReverted()
	}
	return h.cut("settled")
}

func (h *host) Renew(ctx context.Context, ref workload.Ref, changeID string) error {
	err := h.target.Renew(ctx, ref, changeID)
	if err == nil {
		h.renewals++
	}
	return err
}

func (h *host) Logs(ctx context.Context, ref workload.Ref, instance string, tail workload.Tail) (workload.Output, error) {
	return h.target.Logs(ctx, ref, instance, tail)
}

// seen is what is there, whatever the way is like.
func (h *host) seen() workload.Observation {
	h.t.Helper()
	seen, err := h.target.Observe(context.WithoutCancel(h.t.Context()), h.spec.Ref, false)
	if err != nil {
		h.t.Fatal(err)
	}
	return seen
}

func (h *host) pending() *workload.Pending { return h.seen().Pending }

// running is the container, nil if there is none.
func (h *host) running() *workload.Instance {
	if all := h.seen().Instances; len(all) > 0 {
		return &all[0]
	}
	return nil
}

// runs is the commit that runs, "" for none.
func (h *host) runs() string {
	if in := h.running(); in != nil {
		return in.Stamped[workload.KeyCommit]
	}
	return ""
}

// end settles the pending change on the host itself.
func (h *host) end(o workload.Outcome) {
	h.t.Helper()
	s := workload.Settlement{ChangeID: h.pending().Change.ID, Outcome: o}
	if in := h.running(); in != nil && o == workload.Keep {
		s.Proven = []workload.Copy{in.Copy()}
	}
	if err := h.target.Settle(context.WithoutCancel(h.t.Context()), h.spec.Ref, s, func(workload.Event) {}); err != nil {
		h.t.Error(err)
	}
}
