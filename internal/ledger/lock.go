package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// lockPatience is how long a lock is tried for. A process that was killed while it
// forked leaves a child which has its descriptors until it runs its own program, and a
// process that asks for the holder has the lock for a moment.
const lockPatience = time.Second

// lockFile is in the folder of a service, and holds the name of its holder.
const lockFile = ".lock"

// Lock takes the lock of a service in an environment for as long as a run lasts.
// The kernel frees it when the process dies. A run that finds it held is
// refused, LOCKED, with what the holder wrote about itself.
func (l *Ledger) Lock(env artifact.Env, service, holder string) (unlock func(), err error) {
	return l.LockWithin(context.Background(), env, service, holder, 0, nil)
}

// reportEvery is the time between two reports of a wait for a lock.
const reportEvery = time.Minute

// LockWithin is [Ledger.Lock], but waits for a run that has the lock, as long as most, and
// no longer than the context. While it waits it calls report, at once and each minute, with
// the text that the holder wrote about itself and the time that is left to wait.
func (l *Ledger) LockWithin(ctx context.Context, env artifact.Env, service, holder string, most time.Duration, report func(other string, left time.Duration)) (unlock func(), err error) {
	dir := filepath.Join(l.dir, env.String(), service)
	if err := statefile.Folder(dir, 0o750); err != nil {
		return nil, l.unavailable(err)
	}
	path := filepath.Join(dir, lockFile)
	lock, err := statefile.OpenLock(path, 0o640)
	if err != nil {
		return nil, l.unavailable(err)
	}
	until := time.Now().Add(max(most, lockPatience))
	for patience := lockPatience; ; patience = reportEvery {
		wait, cancel := context.WithTimeout(ctx, min(patience, time.Until(until)))
		err := lock.Wait(wait)
		cancel()
		if err == nil {
			break
		}
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			_ = lock.Close()
			return nil, cmp.Or(context.Cause(ctx), l.unavailable(err))
		}
		content, _ := statefile.Read(path) // the name is a courtesy
		other := strings.TrimSpace(string(content))
		left := time.Until(until)
		if left <= 0 {
			_ = lock.Close()
			return nil, fault.Transient(fault.Locked, "another run has %s (%s): %s", service, env, other).HeldBy(other, time.Time{}).
				WithHint("wait for it to end, by --wait for example; nothing was changed")
		}
		report(other, left)
	}
	if err := name(lock.File(), holder); err != nil {
		_ = lock.Unlock()
		return nil, l.unavailable(fmt.Errorf("name the lock's holder: %w", err))
	}
	return func() {
		_ = lock.File().Truncate(0) // see named
		_ = lock.Unlock()
	}, nil
}

// name writes the holder of the lock into its file.
func name(lock *os.File, holder string) error {
	if err := lock.Truncate(0); err != nil {
		return err
	}
	_, err := lock.WriteAt([]byte(holder+"\n"), 0)
	return err
}

// Holder returns, without taking the lock, who holds it: "" when the lock is free.
func (l *Ledger) Holder(env artifact.Env, service string) string {
	name, held := named(filepath.Join(l.dir, env.String(), service, lockFile))
	if !held {
		return ""
	}
	return name
}

// Begun reports whether a run of the service began and has not ended: it has the lock, it
// was killed with it, or its receipt is not in force. It is true also if that cannot be read.
func (l *Ledger) Begun(env artifact.Env, service string) bool {
	content, err := statefile.Read(filepath.Join(l.dir, env.String(), service, lockFile))
	if len(content) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return true
	}
	pending, err := l.read(env, service, true)
	return err != nil || len(pending) > 0
}

// Alive reports whether a living run has the service, in whatever environment.
func (l *Ledger) Alive(service artifact.ServiceID) bool {
	paths, _ := filepath.Glob(filepath.Join(l.dir, "*", service.String(), lockFile)) // it has no bad pattern
	return slices.ContainsFunc(paths, func(path string) bool {
		_, held := named(path)
		return held
	})
}

// Held is the lock of a service, with what the run wrote into it that took it last.
type Held struct {
	Env             artifact.Env
	Service, Holder string
}

// Killed returns the locks of runs that were killed with them, and that no later run of the
// service has followed.
func (l *Ledger) Killed() []Held { return l.locks(false) }

// Going returns the locks of runs that go on.
func (l *Ledger) Going() []Held { return l.locks(true) }

// locks returns the locks that have a name, of runs that live or of those that were killed.
func (l *Ledger) locks(living bool) (all []Held) {
	paths, _ := filepath.Glob(filepath.Join(l.dir, "*", "*", lockFile)) // it has no bad pattern
	for _, path := range paths {
		if name, held := named(path); name != "" && held == living {
			service := filepath.Dir(path)
			if env, err := artifact.ParseEnv(filepath.Base(filepath.Dir(service))); err == nil { // no other folder is the ledger's
				all = append(all, Held{env, filepath.Base(service), name})
			}
		}
	}
	return all
}

// named reads the name in a lock's file, and whether its run has the lock.
func named(path string) (name string, held bool) {
	content, err := statefile.Read(path)
	name = strings.TrimSpace(string(content))
	if err != nil || name == "" {
		return "", false
	}
	// The name of a run that was killed stays. Only then is the lock itself tried,
	// shared and for no time, so that a run that begins hardly ever meets it.
	held, err = statefile.Held(path)
	return name, held || err != nil
}
