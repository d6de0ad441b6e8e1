package present

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
)

// The question of an apply shows which of its changes go back.
func TestAChangeThatGoesBackIsNamed(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	err := Changes(&out, Text, artifact.Prod, []contract.Difference{
		{Service: "web", Wanted: strings.Repeat("a", 40), Older: true, Note: "going back: proven earlier"},
		{Service: "api", Wanted: strings.Repeat("b", 40), Note: "the engine does not answer"},
	})
	want := "SERVICE  ENV   RUNS -> WANTED\nweb      prod  not known -> aaaaaaaaaaaa\n  going back: proven earlier\napi      prod  not known -> bbbbbbbbbbbb\n"
	if err != nil || out.String() != want {
		t.Errorf("%v:\n%s", err, out.String())
	}
}
