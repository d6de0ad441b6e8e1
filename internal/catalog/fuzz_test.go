package catalog_test

import (
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Whatever the file holds, it is refused with a reason or gives rows that can be
// asked for everything.
func FuzzParse(f *testing.F) {
	f.Add(catalog.BuiltinFile())
	f.Add([]byte(minimal))
	f.Add([]byte("services: {web: }"))
	f.Add([]byte("services: {web: {environments: {prod: }}}"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, content []byte) {
		c, err := catalog.Parse(content)
		if err != nil {
			if fault.ReasonOf(err) != fault.ConfigInvalid {
				t.Fatal(err)
			}
			return
		}
		for _, id := range c.Services() {
			row, err := c.Row(id.String())
			if err != nil {
				t.Fatal(err)
			}
			for _, env := range artifact.Envs() {
				e := row.Environment(env)
				if got := len(e.Target.Names()); (got == 0) != (e.Mode == catalog.Unsupported || e.Target.Shape == catalog.Infrastructure) {
					t.Errorf("%s %s is %s and has %d targets", id, env, e.Mode, got)
				}
				_ = row.Spec(env, "unidesk")
			}
		}
	})
}
