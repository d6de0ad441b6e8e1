// Package source asks the Git remote of a source repository whether a commit is on any
// of its branches. The system's git asks, with the operator's own configuration:
// proxies, authorities, ssh and credential helpers are git's matter.
//
// What was learnt is kept in a bare copy of the remote's branches, commits and nothing
// else if the remote can leave the rest out. The copy is brought up to date only for a
// commit that it does not know to be on a branch, once in the life of a [Remotes], by
// one process at a time. So going back to a commit waits for no remote and fails with
// none; a commit that was taken off its branch counts until the copy is brought up to
// date for another commit.
//
// It never fails a deploy by itself: what cannot be asked leaves the commit unverified,
// with the reason. It refuses remotes with credentials in them, since git shows those
// to every process of the machine, and any transport but https, ssh and files. The
// danger is a printed URL: no credential of a URL is printed.
package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
)

// Patience is what a question may take, waiting for another process included.
const Patience = 30 * time.Second

// Remotes are the remotes of source repositories.
type Remotes struct {
	dir      string
	of       map[string]Remote
	patience time.Duration

	asking sync.Mutex
	asked  map[Remote]error
	// reading means that nothing is written to dir. apart is the folder that is
	// written to instead; it is "" before that folder is made.
	reading bool
	apart   string
}

// New returns the remotes of source repositories, by the repository's URL. Their
// copies are folders in dir, made when they are needed. Other accounts do not write to
// dir; if they could, it is as for [Remotes.Reading].
func New(dir string, remotes map[string]Remote, patience time.Duration) *Remotes {
	r := &Remotes{dir: dir, of: map[string]Remote{}, patience: patience, asked: map[Remote]error{}}
	for source, remote := range remotes {
		r.of[provenance.Plain(source)] = remote
	}
	return r
}

// Reading lets Look write nothing to the folder of the copies: if a copy does not
// know the commit, the remote is copied anew below the system's folder of temporary
// files, until [Remotes.Close].
func (r *Remotes) Reading() { r.reading = true }

// Close removes what was copied for [Remotes.Reading].
func (r *Remotes) Close() error {
	r.asking.Lock()
	defer r.asking.Unlock()
	if r.apart == "" {
		return nil
	}
	return os.RemoveAll(r.apart)
}

// Look judges whether the commit is on a branch of the source repository's remote. It
// reports false if no remote is configured.
func (r *Remotes) Look(ctx context.Context, source string, commit artifact.Commit) (provenance.Verdict, bool) {
	remote, ok := r.of[provenance.Plain(source)]
	if !ok {
		return provenance.Verdict{}, false
	}
	r.asking.Lock()
	defer r.asking.Unlock()
	ctx, cancel := within(ctx, r.patience)
	defer cancel()
	c := remote.copyIn(r.dir)
	branch, asked, err := c.find(ctx, commit)
	if branch == "" { // or the copy is broken, which making it again may mend
		branch, asked, err = r.findAnew(ctx, remote, commit, err)
	}
	switch {
	case err != nil:
		return provenance.Verdict{
			Status: provenance.Unverified, Detail: "the source's remote could not be asked: " + err.Error(),
			Fix: fault.Examine.Mark() + ", and as this account: git ls-remote of what controller.yaml names (sources)", Retry: !errors.Is(err, exec.ErrNotFound),
		}, true
	case branch == "":
		return provenance.Verdict{Status: provenance.Unverified, Detail: "no branch of the source's remote has the commit (asked " + asked + ")"}, true
	}
	return provenance.Verdict{
		Status: provenance.Verified, Detail: fmt.Sprintf("the commit is on branch %s of the source's remote (asked %s)", branch, asked),
	}, true
}

// findAnew brings the copy up to date, unless that was tried before, and looks again.
// If refused is that others may write to the folder, it makes another copy.
func (r *Remotes) findAnew(ctx context.Context, remote Remote, commit artifact.Commit, refused error) (branch, asked string, err error) {
	c := remote.copyIn(r.dir)
	if r.reading || fault.ReasonOf(refused) == fault.PathRefused {
		if r.apart == "" {
			if r.apart, err = os.MkdirTemp("", "unidesk-sources-"); err != nil {
				return "", "", err
			}
		}
		c = remote.copyIn(r.apart)
	}
	err, tried := r.asked[c.remote]
	if !tried {
		err = c.refresh(ctx)
		if !errors.Is(err, context.Canceled) { // a cancelled question has learnt nothing
			r.asked[c.remote] = err
		}
	}
	if err != nil {
		return "", "", err
	}
	return c.find(ctx, commit)
}
