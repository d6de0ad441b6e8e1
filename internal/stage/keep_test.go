package stage

import (
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// Only a layer that the engine has read makes way for another layer, blob and tar alike.
func TestWhatTheEngineHasYetToReadIsKept(t *testing.T) {
	t.Parallel()
	digest := func(name string) artifact.Digest { return artifact.DigestOf([]byte(name)) }
	layer := func(name string) artifact.Layer {
		return artifact.Layer{Digest: digest(name + " blob"), DiffID: digest(name + " tar")}
	}
	r := run{image: artifact.Image{Layers: []artifact.Layer{layer("loaded"), layer("next"), layer("last")}}, loaded: 1, bases: []artifact.Digest{digest("base")}}
	for name, want := range map[string]struct{ unread, keep bool }{
		"loaded blob": {}, "loaded tar": {}, "another": {},
		"next blob": {true, true}, "next tar": {true, true}, "last tar": {true, true},
		"base": {false, true},
	} {
		if unread, keep := r.unread(digest(name)), r.keep(digest(name)); unread != want.unread || keep != want.keep {
			t.Errorf("%s: unread %t, kept %t", name, unread, keep)
		}
	}
}
