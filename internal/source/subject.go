package source

import (
	"context"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// mostSubject bounds a subject, in bytes.
const mostSubject = 200

// Subjects returns the first lines of the messages of those commits that the copy of the
// source repository's remote knows, in a form that no terminal acts on. It asks no remote,
// and what cannot be read has no subject.
func (r *Remotes) Subjects(ctx context.Context, source string, commits []artifact.Commit) map[artifact.Commit]string {
	remote, ok := r.of[provenance.Plain(source)]
	if !ok || len(commits) == 0 {
		return nil
	}
	c := remote.copyIn(r.dir)
	if statefile.Guarded(nil, c.dir) != nil {
		return nil
	}
	ctx, cancel := within(ctx, r.patience)
	defer cancel()
	subjects := map[artifact.Commit]string{}
	for _, commit := range commits {
		// One by one: a commit that the copy lacks ends the whole question.
		if subject, err := git(ctx, settings{dir: c.dir}, "log", "-1", "--no-show-signature", "--format=%s", commit.String(), "--"); err == nil {
			subjects[commit] = plain.Bounded(strings.TrimSpace(subject), mostSubject)
		}
	}
	return subjects
}
