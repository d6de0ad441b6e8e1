package source_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/source"
)

// A subject comes from the copy alone, which a question makes; a commit that it lacks has
// none, and takes none from the others.
func TestTheCopyKnowsTheSubjectsOfItsCommits(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	one := r.commit(t, "web: fix the login\n\nIt was broken.", "HEAD:refs/heads/master")
	two := r.commit(t, "web: \x1b[2Jtidy "+strings.Repeat("x", 300), "HEAD:refs/heads/master")
	unknown, err := artifact.ParseCommit(strings.Repeat("a", 40))
	if err != nil {
		t.Fatal(err)
	}
	remote, err := source.ParseRemote(r.remote)
	if err != nil {
		t.Fatal(err)
	}
	remotes := source.New(t.TempDir(), map[string]source.Remote{wiki: remote}, time.Minute)
	all := []artifact.Commit{one, unknown, two}
	if got := remotes.Subjects(t.Context(), wiki, all); len(got) != 0 {
		t.Errorf("there is no copy yet, and %q", got)
	}
	if v, _ := remotes.Look(t.Context(), wiki, two); v.Status != provenance.Verified {
		t.Fatalf("%+v", v)
	}
	got := remotes.Subjects(t.Context(), wiki, all)
	if len(got) != 2 || got[one] != "web: fix the login" || !strings.HasPrefix(got[two], "web: ?[2Jtidy xxx") || !strings.HasSuffix(got[two], "x ...") {
		t.Errorf("%q", got)
	}
	if got := remotes.Subjects(t.Context(), "https://example.com/other", all); len(got) != 0 {
		t.Errorf("of another source: %q", got)
	}
}
