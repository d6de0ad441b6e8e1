package deploycmd

import (
	"slices"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestAPersonIsAskedAboutWhatChanges(t *testing.T) {
	t.Parallel()
	all := []contract.Difference{
		{Service: "as wanted", Equal: true, Running: workload.Running{Known: true}},
		{Service: "another environment", Equal: true, Running: workload.Running{Known: true, Differs: true}},
		{Service: "another commit", Running: workload.Running{Known: true}},
	}
	for force, want := range map[bool][]string{false: {"another environment", "another commit"}, true: {"as wanted", "another environment", "another commit"}} {
		var got []string
		for _, d := range changing(all, force) {
			got = append(got, d.Service)
		}
		if !slices.Equal(got, want) {
			t.Errorf("force %v: %q, want %q", force, got, want)
		}
	}
}
