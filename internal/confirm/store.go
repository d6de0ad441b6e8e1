package confirm

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// The files of a workload, each written whole or not at all:
//
//	<ref>.lock           locked while a process, or a program that it started, acts
//	<ref>.pending.json   the unsettled change and what stood before it
//	<ref>.secret.json    the part of the former that holds secrets, see [Secretive]
//	<ref>.last.json      how the last change ended
//
// A change is settled once last.json names it. A crash between the two writes may leave
// the pending file of that change, which then counts for nothing.
const (
	lockSuffix    = ".lock"
	pendingSuffix = ".pending.json"
	secretSuffix  = ".secret.json"
	lastSuffix    = ".last.json"
)

type store[S any] struct {
	dir    string
	trusts func(uid int) bool // nil if all who may write to dir are trusted
}

func (s store[S]) path(ref workload.Ref, suffix string) string {
	return filepath.Join(s.dir, ref.String()+suffix)
}

// load returns the unsettled change and the last settled one, nil for none. The
// order of the two reads makes it right without the lock.
func (s store[S]) load(ref workload.Ref) (*record[S], *workload.Settled, error) {
	r, err := s.readRecord(s.path(ref, pendingSuffix))
	if err != nil {
		return nil, nil, err
	}
	last, err := read[workload.Settled](s, s.path(ref, lastSuffix))
	if err != nil {
		return nil, nil, err
	}
	if r != nil && (r.Change.Ref != ref || r.Spec.Ref != ref) {
		return nil, nil, misnamed(s.path(ref, pendingSuffix), r.Change.Ref)
	}
	if r != nil && last != nil && last.ChangeID == r.Change.ID {
		r = nil
	}
	if r != nil {
		if err := s.join(ref, r); err != nil {
			return nil, nil, err
		}
	}
	return r, last, nil
}

// misnamed is the fault of a file that was given another workload's name: a change is
// reverted under its own workload's lock.
func misnamed(path string, of workload.Ref) error {
	return fault.New(fault.PathRefused, "%s holds a change of %s", path, of).
		WithHint("a deploy did not give it this name: look at it, then move it away")
}

func (s store[S]) save(ref workload.Ref, r record[S]) error {
	r.Version = version
	secret, err := r.split()
	if err != nil {
		return err
	}
	if err := s.write(s.path(ref, pendingSuffix), r); err != nil || secret == nil {
		return err
	}
	if err := statefile.ReplacePrivate(s.path(ref, secretSuffix), secret); err != nil {
		return s.unwritable(err)
	}
	return nil
}

// settle makes the outcome durable, then removes the pending file.
func (s store[S]) settle(ref workload.Ref, last workload.Settled) error {
	if err := s.write(s.path(ref, lastSuffix), last); err != nil {
		return err
	}
	return s.tidy(ref)
}

// Barred returns why this account may not settle a change of the state folder, nil if it may.
func Barred(dir string, p workload.Pending) error {
	return store[json.RawMessage]{dir: dir}.barred(p.Change.Ref)
}

// barred returns why this account may not settle the change in the folder.
func (s store[S]) barred(ref workload.Ref) error {
	var names []string
	for _, suffix := range []string{pendingSuffix, secretSuffix, lastSuffix} {
		names = append(names, ref.String()+suffix)
	}
	return statefile.Barred(s.dir, names...)
}

// tidy removes a pending file and the secrets of its change.
func (s store[S]) tidy(ref workload.Ref) error {
	for _, suffix := range []string{secretSuffix, pendingSuffix} {
		if err := statefile.Remove(s.path(ref, suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return s.unwritable(err)
		}
	}
	if err := statefile.Sync(s.dir); err != nil {
		return s.unwritable(err)
	}
	return nil
}

// Unsettled returns the changes in a state folder that are not settled yet, of all
// workloads; with an error, those that could be read.
func Unsettled(dir string) ([]workload.Pending, error) {
	return store[json.RawMessage]{dir: dir}.unsettled()
}

func (s store[S]) unsettled() (found []workload.Pending, err error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Internal, "read the state folder: %w", err)
	}
	var faults []error
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), pendingSuffix)
		if !ok || strings.HasPrefix(name, ".") {
			continue
		}
		r, err := s.readRecord(filepath.Join(s.dir, e.Name()))
		if err == nil && r != nil && check(r.Change.Ref) == nil {
			if r.Change.Ref.String() != name {
				faults = append(faults, misnamed(filepath.Join(s.dir, e.Name()), r.Change.Ref))
				continue
			}
			r, _, err = s.load(r.Change.Ref)
			if err == nil && r != nil {
				found = append(found, *r.pending())
			}
		}
		faults = append(faults, err)
	}
	return found, errors.Join(faults...)
}

// sweep removes the temporary files of writes that were killed. The lock must be held.
func (s store[S]) sweep(ref workload.Ref) {
	// A file that cannot be removed does no harm.
	for _, suffix := range []string{pendingSuffix, secretSuffix, lastSuffix} {
		_ = statefile.Sweep(s.path(ref, suffix))
	}
}

// read returns what the file holds, nil when there is none.
func read[T, S any](s store[S], path string) (*T, error) {
	b, err := s.readFile(path)
	if b == nil || err != nil {
		return nil, err
	}
	return parse[T](path, b)
}

// readFile returns the content of a file that this process acts by, nil if there is none.
func (s store[S]) readFile(path string) (b []byte, err error) {
	if s.trusts == nil {
		b, err = statefile.Read(path)
	} else {
		b, err = statefile.ReadObeyed(path, s.trusts)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil && fault.ReasonOf(err) != fault.PathRefused:
		return nil, fault.New(fault.Internal, "read the state of a change: %w", err)
	}
	return b, err
}

// write writes a file. When it returns, the file and its name are durable.
func (s store[S]) write(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fault.New(fault.Internal, "encode the state of a change: %w", err)
	}
	if err := statefile.ReplaceObeyed(path, append(b, '\n')); err != nil {
		return s.unwritable(err)
	}
	return nil
}
