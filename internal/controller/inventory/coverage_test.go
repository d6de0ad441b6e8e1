package inventory

import (
	"slices"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
)

// Requirements 9, 12 and 13: with any CI.json, a deploy needs the registry's manifest
// and a reviewed consumer.
func TestADeclarationMakesNothingDeployable(t *testing.T) {
	t.Parallel()
	services := builtin(t)
	none := Shelves(t.Context(), held{}, services)
	for _, kind := range []string{"upstream-image", "source-build", ""} {
		var entries []unidesk.Declared
		for _, row := range services {
			entries = append(entries, unidesk.Declared{Service: row.Service, Kind: kind, Digest: artifact.DigestOf(nil)})
		}
		entries = append(entries, unidesk.Declared{Service: serviceID("postgres"), Kind: kind})
		for _, c := range Cover(entries, services, none, nil) {
			if len(c.Deployable) > 0 {
				t.Errorf("%s is deployable to %v because it is declared as %q", c.Service, c.Deployable, kind)
			}
		}
	}
	for _, entries := range [][]unidesk.Declared{nil, {{Service: serviceID("frontend"), Kind: "upstream-image"}}} {
		for _, c := range Cover(entries, services, Shelves(t.Context(), registryOf, services), nil) {
			want := []artifact.Env{}
			if c.Service == "frontend" || c.Service == "todo-note" {
				want = append(want, artifact.Prod)
			}
			if c.Service == "frontend" {
				want = append(want, artifact.Dev)
			}
			if !slices.Equal(c.Deployable, want) {
				t.Errorf("%s, declared %v: deployable to %v, want %v", c.Service, c.Declared, c.Deployable, want)
			}
		}
	}
}
