package artifact_test

import (
	"encoding"
	"path"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// FuzzANameIsPlain: whatever is accepted as a name is fit for a path, a URL and
// an argument list as it stands, and reads back as itself.
func FuzzANameIsPlain(f *testing.F) {
	for _, s := range []string{
		strings.Repeat("0a", 20), strings.Repeat("0a", 32), "sha256:" + strings.Repeat("0a", 32), "unidesk/baidu-netdisk", "code-queue-mgr",
		"", "latest", "HEAD", "--flag", "../x", "a/../b", "a//b", "a b", "a\nb", "a\x00", "$(a)", "`a`", "a;b", "a:b", "A", "é", "\xff",
		"sha256:" + strings.Repeat("0A", 32), "sha512:" + strings.Repeat("0a", 64), strings.Repeat("0a", 20) + "\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		commit, errCommit := artifact.ParseCommit(s)
		digest, errDigest := artifact.ParseDigest(s)
		repository, errRepository := artifact.ParseRepository(s)
		service, errService := artifact.ParseServiceID(s)
		for kind, c := range map[string]struct {
			err    error
			parsed encoding.TextMarshaler
			letter string
		}{
			"commit":     {errCommit, commit, "0123456789abcdef"},
			"digest":     {errDigest, digest, "0123456789abcdefsh:"},
			"repository": {errRepository, repository, "abcdefghijklmnopqrstuvwxyz0123456789._-/"},
			"service":    {errService, service, "abcdefghijklmnopqrstuvwxyz0123456789-"},
		} {
			text, err := c.parsed.MarshalText()
			switch {
			case err != nil:
				t.Errorf("%s %q: %v", kind, s, err)
			case c.err != nil:
				if len(text) > 0 || strings.ContainsFunc(c.err.Error()+fault.HintOf(c.err), func(r rune) bool { return r < ' ' }) {
					t.Errorf("%s %q: %q beside %q, hint %q", kind, s, text, c.err, fault.HintOf(c.err))
				}
			case string(text) != s, strings.Trim(s, c.letter) != "", strings.HasPrefix(s, "-"), path.Clean("/"+s) != "/"+s, len(s) > 255:
				t.Errorf("%s %q is accepted, as %q", kind, s, text)
			}
		}
		if errCommit == nil && len(s) != 40 && len(s) != 64 {
			t.Errorf("commit %q has %d digits", s, len(s))
		}
		if errDigest == nil && digest.Hex() != strings.TrimPrefix(s, "sha256:") {
			t.Errorf("digest %q has hex %q", s, digest.Hex())
		}
	})
}
