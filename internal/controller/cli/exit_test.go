package cli

import (
	"context"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

func TestHalfAnAnswerIsNoSuccess(t *testing.T) {
	t.Parallel()
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, c := range []struct {
		ctx     context.Context //nolint:containedctx // the table's input
		missing bool
		want    int
	}{{t.Context(), false, present.ExitOK}, {t.Context(), true, present.ExitFailed}, {stopped, true, present.ExitInterrupted}} {
		a := &app{}
		if a.exitIncomplete(c.ctx, c.missing); a.code != c.want {
			t.Errorf("missing %t: exit code %d, want %d", c.missing, a.code, c.want)
		}
	}
}
