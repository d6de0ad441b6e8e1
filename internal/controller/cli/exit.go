package cli

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

// exitIncomplete sets the exit code of an answer in which something is missing.
func (a *app) exitIncomplete(ctx context.Context, missing bool) {
	switch {
	case ctx.Err() != nil:
		a.code = present.ExitInterrupted
	case missing:
		a.code = present.ExitFailed
	}
}
