package statefile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm/confirmtest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

// A group, and two accounts in it that have nothing else in common.
const (
	group         = 64001
	first, second = 64002, 64003
)

// as does something with an account's rights on files. They are the thread's own
// (setfsuid(2)), and the thread ends with them.
func as(uid int, do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		groups := [1]uint32{group}
		_, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 1, uintptr(unsafe.Pointer(&groups[0])), 0)
		if errno != 0 {
			done <- errno
			return
		}
		done <- errors.Join(unix.Setfsgid(uid), unix.Setfsuid(uid), do())
	}()
	return <-done
}

// deploy does to the state folder what a deploy does, up to the switch.
func deploy(t *testing.T, state string, host *confirmtest.Host, spec workload.Spec, id string, img artifact.Image) error {
	t.Helper()
	given := grant.Grant{Statement: grant.Statement{Nonce: artifact.DigestOf([]byte(id)).Hex()[:32], Expires: time.Now().Add(time.Hour)}}
	if err := grant.Use(filepath.Join(state, "grants"), given, id, time.Now()); err != nil {
		return err
	}
	l := ledger.Open(filepath.Join(state, "ledger"))
	unlock, err := l.Lock(artifact.Prod, "web", id)
	if err != nil {
		return err
	}
	defer unlock()
	blob := []byte("a layer that the first leaves half done")
	layer := artifact.Layer{Digest: artifact.DigestOf(blob), Size: int64(len(blob))}
	spool, err := layers.OpenSpool(filepath.Join(state, "spool"), 0, layers.OpenCache(filepath.Join(state, "cache"), 0))
	if err != nil {
		return err
	}
	free, err := spool.Lock(t.Context(), func() {})
	if err != nil {
		return err
	}
	defer free()
	w, err := spool.Writer(layer)
	if err != nil {
		return err
	}
	if w.Offset() == 0 {
		_, err = w.Write(blob[:10])
		err = errors.Join(err, w.Close())
	} else {
		_, err = w.Write(blob[w.Offset():])
		err = errors.Join(err, w.Commit())
	}
	if err != nil {
		return err
	}
	service, err := artifact.ParseServiceID("web")
	if err != nil {
		return err
	}
	if _, err := l.Record(ledger.Receipt{ID: id, Env: artifact.Prod, Service: service, Commit: img.Commit, Outcome: ledger.Succeeded, Started: time.Now()}); err != nil {
		return err
	}
	target := confirm.New(host, filepath.Join(state, "changes"))
	seen, err := target.Observe(t.Context(), spec.Ref, false)
	if err != nil {
		return err
	}
	c := workload.Change{ID: id, Ref: spec.Ref, Image: img.Pinned, Basis: seen.Basis, Holder: id}
	return target.Switch(t.Context(), c, ignore)
}

func settle(t *testing.T, state string, host *confirmtest.Host, spec workload.Spec, id string, o workload.Outcome) error {
	t.Helper()
	seen, err := host.Observe(t.Context(), spec.Ref, false)
	if err != nil {
		return err
	}
	settlement := workload.Settlement{ChangeID: id, Outcome: o}
	if in := seen.Current(); o == workload.Keep && in != nil {
		settlement.Proven = []workload.Copy{in.Copy()}
	}
	return confirm.New(host, filepath.Join(state, "changes")).Settle(t.Context(), spec.Ref, settlement, ignore)
}

func ignore(workload.Event) {}

func newState(t *testing.T, mode fs.FileMode) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, to be two others")
	}
	state := t.TempDir()
	if err := errors.Join(os.Chmod(filepath.Dir(state), 0o755), os.Chown(state, 0, group), os.Chmod(state, mode)); err != nil {
		t.Fatal(err)
	}
	return state
}

func TestOneOperatorGoesOnWhereAnotherStopped(t *testing.T) {
	state := newState(t, fs.ModeSetgid|0o770)
	spec := workloadtest.SampleSpec("fake")
	host := confirmtest.New(spec, nil)
	images := workloadtest.FakeImages(t, 2)
	for _, img := range images {
		if err := confirm.New(host, t.TempDir()).Stage(t.Context(), spec.Ref, img.Pinned, ignore); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name string
		uid  int
		do   func() error
	}{
		{"the first deploys", first, func() error { return deploy(t, state, host, spec, "one", images[0]) }},
		{"the second keeps it", second, func() error { return settle(t, state, host, spec, "one", workload.Keep) }},
		{"the second deploys", second, func() error { return deploy(t, state, host, spec, "two", images[1]) }},
		{"the first reverts it", first, func() error { return settle(t, state, host, spec, "two", workload.Revert) }},
	} {
		if err := as(step.uid, step.do); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
	}
	// And no other account sees any of it.
	err := filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o007 != 0 {
			t.Errorf("%s is %s", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAPrivateStateFolderStaysPrivate(t *testing.T) {
	state := newState(t, 0o750)
	if err := os.Chown(state, first, group); err != nil {
		t.Fatal(err)
	}
	spec := workloadtest.SampleSpec("fake")
	host := confirmtest.New(spec, nil)
	img := workloadtest.FakeImages(t, 1)[0]
	if err := confirm.New(host, t.TempDir()).Stage(t.Context(), spec.Ref, img.Pinned, ignore); err != nil {
		t.Fatal(err)
	}
	if err := as(first, func() error { return deploy(t, state, host, spec, "one", img) }); err != nil {
		t.Fatal(err)
	}
	if err := as(second, func() error { return settle(t, state, host, spec, "one", workload.Keep) }); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("another account got %v", err)
	}
}

// An account of the group that may not use the engine gets nothing done by another
// account, root's watch least of all.
func TestARecordIsObeyedOnlyOfAnAccountThatMayDoItItself(t *testing.T) {
	state := newState(t, fs.ModeSetgid|0o770)
	spec := workloadtest.SampleSpec("fake")
	host := confirmtest.New(spec, nil)
	img := workloadtest.FakeImages(t, 1)[0]
	if err := confirm.New(host, t.TempDir()).Stage(t.Context(), spec.Ref, img.Pinned, ignore); err != nil {
		t.Fatal(err)
	}
	target := confirm.New(host, filepath.Join(state, "changes"))
	target.TrustOnly(func(uid int) bool { return uid == first })
	unsettled := func() error {
		_, err := target.Unsettled()
		return err
	}
	id := ""
	back := func() error {
		return target.Settle(t.Context(), spec.Ref, workload.Settlement{ChangeID: id, Outcome: workload.Revert}, ignore)
	}
	begin := func(uid int, change string) {
		t.Helper()
		id = change
		if err := as(uid, func() error { return deploy(t, state, host, spec, id, img) }); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(what string) {
		t.Helper()
		for _, do := range []func() error{unsettled, back} {
			if err := do(); fault.ReasonOf(err) != fault.PathRefused {
				t.Errorf("%s: %v, want PATH_REFUSED", what, err)
			}
		}
	}
	begin(second, "one")
	refused("written by an account that is not trusted")
	pending, err := filepath.Glob(filepath.Join(state, "changes", "*.pending.json"))
	if err != nil || len(pending) != 1 {
		t.Fatalf("%q, %v", pending, err)
	}
	// Root's own record, if the group may write it, is untrusted.
	if err := errors.Join(os.Chown(pending[0], 0, group), os.Chmod(pending[0], 0o660)); err != nil {
		t.Fatal(err)
	}
	refused("written by root, for the group to change")
	if err := errors.Join(os.Chown(pending[0], first, group), os.Chmod(pending[0], 0o640)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unsettled(), back()); err != nil {
		t.Errorf("of a trusted account: %v", err)
	}
	begin(first, "two") // as this program writes it
	if err := errors.Join(unsettled(), back()); err != nil {
		t.Errorf("of a trusted account: %v", err)
	}
}
