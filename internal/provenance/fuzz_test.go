package provenance_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
)

// FuzzOnlyAWholeSummaryVerifies: whatever a producer's file holds, it verifies an artifact
// only if it names its service, commit and digest; and nothing of it acts on a terminal.
func FuzzOnlyAWholeSummaryVerifies(f *testing.F) {
	for _, change := range []func(*provenance.Summary){
		func(*provenance.Summary) {},
		func(s *provenance.Summary) { s.Tag = "latest" },
		func(s *provenance.Summary) { s.Digest = "" },
		func(s *provenance.Summary) { s.ImageRef = "\x1b[2J\u202e" },
		func(s *provenance.Summary) { *s = provenance.Summary{} },
	} {
		s := summary(manifest)
		change(&s)
		b, err := json.Marshal(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"serviceId":7}`))
	f.Add([]byte("{\x1b}"))
	f.Add([]byte(`{"ServiceID":"code-queue-mgr","serviceid":"x"}`))
	f.Add([]byte("null"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		want, dir := wanted(t), t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, provenance.FileName(want.Service, want.Commit)), content, 0o600); err != nil {
			t.Fatal(err)
		}
		v := provenance.Look(dir, want)
		var s provenance.Summary
		read := json.Unmarshal(content, &s) == nil
		switch v.Status {
		case provenance.Verified:
			if !read || s.ServiceID != want.Service.String() || s.SourceCommit != ones || s.Tag != ones || s.Digest != manifest.String() ||
				!strings.HasSuffix(s.DigestRef, "@"+manifest.String()) || !strings.HasSuffix(s.ImageRef, ":"+ones) {
				t.Errorf("%q verifies", content)
			}
		case provenance.Contradicted:
			if !read {
				t.Errorf("%q cannot be read and contradicts", content)
			}
		case provenance.Unverified:
		default:
			t.Errorf("%q is %q", content, v.Status)
		}
		if strings.ContainsFunc(v.Detail, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf) }) || len(v.Detail) > 1000 {
			t.Errorf("the verdict is %q", v.Detail)
		}
		want.Manifest = artifact.DigestOf([]byte("another"))
		if v := provenance.Look(dir, want); v.Status == provenance.Verified && s.Digest == manifest.String() {
			t.Error("it verifies another image, too")
		}
	})
}
