package declared

import (
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// FuzzADefinitionIsReadWithoutItsValues: whatever `config` prints, the reader
// takes names from it and never a value, in a result or in an error.
func FuzzADefinitionIsReadWithoutItsValues(f *testing.F) {
	const secret = "hunter2 correct-horse"
	for _, s := range [][2]string{
		{`{"services":{"sample":{"image":"x","environment":{"A":"`, `"}}}}`},
		{`{"services":{"sample":{"image":"x","environment":["A=`, `","B"]}}}`},
		{`{"services":{"sample":{"environment":["A=${B:-`, `}"]}}}`},
		{`{"services":{"sample":{"environment":{"A":"$B`, `"}}}}`},
		{`{"services":{"sample":{"labels":["`, `"]}}}`},
		{`{"services":{"sample":{"labels":{"a":"`, `"}}}}`},
		{`{"services":{"sample":{"environment":["`, `"]}}}`},
		{`{"services":{"sample":{"environment":{"`, `":null}}}}`},
		{`{"services":{"sample":{"environment":"`, `"}}}`},
		{`{"services":{"sample":{"environment":[7,null,[],{"x":"`, `"}]}}}`},
		{`{"services":{"sample":{"scale":"`, `"}}}`},
		{`{"services":{"sample":{"scale":1e300,"x":"`, `"}}}`},
		{`{"services":{"sample":{"scale":1.5,"x":"`, `"}}}`},
		{`{"services":{"sample":{"image":7,"x":"`, `"}}}`},
		{`{"services":{"other":{"environment":{"A":"`, `"}}}}`},
		{`{"services":null,"x":"`, `"}`},
		{`"`, `"`},
		{"", ""},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		d, err := Parse([]byte(before+secret+after), "unidesk", "sample")
		if err != nil {
			// The message has the names of services, and the secret may have become a name.
			if r := fault.ReasonOf(err); r == fault.ComposeFailed && strings.Contains(err.Error(), secret) || r != fault.ComposeFailed && r != fault.WorkloadNotFound {
				t.Errorf("%q: %s %v", before, r, err)
			}
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("%q: control characters in %q", before, err)
			}
			return
		}
		if !slices.IsSorted(d.References) || !slices.IsSorted(d.LabelReferences) || d.Image == "" || d.Replicas < 0 {
			t.Errorf("%q: %+v", before, d)
		}
		for _, name := range slices.Concat(d.References, d.LabelReferences) {
			if name == "" || strings.Trim(name, "_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
				t.Errorf("%q: %q is no variable's name", before, name)
			}
		}
	})
}
