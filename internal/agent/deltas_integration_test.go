//go:build integration

package agent_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// Distribution lists repositories and tags as no registry in memory does.
func TestWhatIsPushedToDistributionIsCopied(t *testing.T) {
	distribution, err := lab.Program("registry")
	if err != nil {
		t.Fatal(err)
	}
	registry, err := lab.StartRegistry(t.Context(), distribution, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := registry.Stop(); err != nil {
			t.Error(err)
		}
	})
	img := push(t, registry.URL(), 3<<20, 4)
	// A repository beside it, and a tag that is no commit.
	for _, more := range []string{"unidesk/baidu-netdisk:latest", "unidesk/baidu/netdisk:" + strings.Repeat("e", 40), "elsewhere/a:" + commitID} {
		ref, err := name.ParseReference(registry.Addr + "/" + more)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, img, remote.WithTransport(http.DefaultTransport)); err != nil {
			t.Fatal(err)
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	p := startProgram(t, registry.URL())
	s := p.copies()
	ids := diffIDs(t, img)
	for _, d := range ids {
		waitFor(t, func() bool { return s.Has(d) })
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	unpacked := func(i int) []byte {
		r, err := layers[i].Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	base := unpacked(0)
	var out bytes.Buffer
	a := delta.NewApplier([]delta.Base{{Bytes: bytes.NewReader(base), Size: int64(len(base))}})
	err = s.Encode(t.Context(), ids[1], []artifact.Digest{ids[0]}, 0, func(b delta.Batch) error { return a.Apply(b, &out) })
	if err != nil || artifact.DigestOf(out.Bytes()) != ids[1] {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
}
