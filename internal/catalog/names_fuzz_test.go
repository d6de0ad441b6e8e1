package catalog_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// FuzzACatalogIsReadWholeOrRefused: an accepted file has rows, each of which has the
// name that it is found by and makes references that can be used as they stand.
func FuzzACatalogIsReadWholeOrRefused(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add(catalog.BuiltinFile())
	f.Add([]byte(strings.Replace(minimal, "mode: live", "mode: validate", 1)))
	f.Add([]byte(strings.Replace(minimal, "  web:", "  we.b:", 1)))
	f.Add([]byte(minimal + "\n---\n" + minimal))
	f.Add([]byte("a: &a [x]\nb: [*a, *a]"))
	f.Add([]byte("version: 1\nversion: 1"))
	f.Add([]byte("services: {<<: {a: 1}}"))
	f.Add([]byte("\xff\xfe\x00"))
	commit, err := artifact.ParseCommit(strings.Repeat("1", 40))
	if err != nil {
		f.Fatal(err)
	}
	refForm := regexp.MustCompile(`^[a-z0-9.-]+:[0-9]{1,5}/[a-z0-9./_-]+:1{40}$`)
	f.Fuzz(func(t *testing.T, content []byte) {
		c, err := catalog.Parse(content)
		if err != nil {
			if c != nil || fault.ReasonOf(err) != fault.ConfigInvalid {
				t.Errorf("%v beside %v", c, err)
			}
			return
		}
		if len(c.Services()) == 0 || c.Hash != artifact.DigestOf(content) {
			t.Errorf("%d services, hash %s", len(c.Services()), c.Hash)
		}
		for _, id := range c.Services() {
			row, err := c.Row(id.String())
			if err != nil || row.Service != id {
				t.Errorf("%s: %+v, %v", id, row, err)
			}
			if _, err := artifact.ParseRepository(row.Repository.String()); err != nil {
				t.Error(err)
			}
			if ref := c.ImageRef(row, commit); !refForm.MatchString(ref) {
				t.Errorf("reference %q", ref)
			}
		}
	})
}
