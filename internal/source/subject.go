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
	if statefile.Guarded(statefile.Trust{}, c.dir) != nil {
		return nil
	}
	ctx, cancel := within(ctx, r.patience)
	defer cancel()
	// git log would read the trees, which the copy lacks.
	args := []string{"rev-list", "--no-walk=unsorted", "--ignore-missing", "--format=%H %s"}
	for _, commit := range commits {
		args = append(args, commit.String())
	}
	out, err := git(ctx, settings{dir: c.dir}, append(args, "--")...)
	if err != nil {
		return nil
	}
	subjects := map[artifact.Commit]string{}
	for line := range strings.Lines(out) {
		id, subject, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ") // a line "commit ID" precedes each
		if commit, err := artifact.ParseCommit(id); err == nil {
			subjects[commit] = plain.Bounded(subject, mostSubject)
		}
	}
	return subjects
}
