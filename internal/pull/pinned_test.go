package pull

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestAPinnedImageIsFoundByItsDigestsAlone(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.push(t, commitID, imageFor(amd64))
	r := f.reader(t)
	want, err := r.Resolve(t.Context(), repo(), commit(), amd64)
	if err != nil {
		t.Fatal(err)
	}
	f.push(t, commitID, imageFor(arm64)) // the tag has moved
	got, err := r.Pinned(t.Context(), want.Pinned)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b artifact.Digest) bool { return a == b }),
		cmp.Comparer(func(a, b artifact.Commit) bool { return a == b }), cmp.Comparer(func(a, b artifact.Repository) bool { return a == b })); d != "" {
		t.Error(d)
	}
	other := want.Pinned
	other.Config = artifact.DigestOf([]byte("another"))
	if _, err := r.Pinned(t.Context(), other); fault.ReasonOf(err) != fault.DigestMismatch {
		t.Errorf("another config: %v", err)
	}
	other.Manifest = artifact.DigestOf([]byte("nothing"))
	if _, err := r.Pinned(t.Context(), other); fault.ReasonOf(err) != fault.ArtifactNotFound {
		t.Errorf("no such manifest: %v", err)
	}
}
