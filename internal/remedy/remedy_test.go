package remedy_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
)

func TestAHintEndsInTheLineOfItsAction(t *testing.T) {
	t.Parallel()
	why := fault.New(fault.ChangePending, "a change is pending")
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"a sentence":                       {why.WithHint("let it end, or revert it").WithAction(fault.Recover), "let it end, or revert it: unidesk-controller recover"},
		"lines to type":                    {why.WithHint("docker rm -f web\n").WithAction(fault.Recover), "docker rm -f web\nunidesk-controller recover"},
		"no hint":                          {why.WithAction(fault.ListReceipts), "unidesk-controller history"},
		"a mark within a sentence":         {why.WithHint("first `%s`, then look", fault.ListServices.Mark()), "first `unidesk-controller services`, then look"},
		"a mark of a later program":        {why.WithHint("first {DANCE}"), "first {DANCE}"},
		"no action":                        {why.WithHint("let it end"), "let it end"},
		"neither":                          {why, ""},
		"an action of a later agent":       {why.WithHint("let it end").WithAction("DANCE"), "let it end"},
		"lines to type of a later agent":   {why.WithHint("docker rm -f web\n").WithAction("DANCE"), "docker rm -f web"},
		"the action of a fault around one": {fault.New(fault.Stale, "%w", why.WithAction(fault.Recover)).WithHint("look again"), "look again"},
	} {
		if got := remedy.Hint(c.err); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestEveryActionHasALine(t *testing.T) {
	t.Parallel()
	for _, a := range fault.Actions() {
		if !strings.HasPrefix(strings.TrimPrefix(remedy.Line(a), "sudo "), "unidesk-controller ") {
			t.Errorf("%s has the line %q", a, remedy.Line(a))
		}
	}
}
