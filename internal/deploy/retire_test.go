package deploy_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// A host cannot let older images go: the deploy succeeds, and its result and receipt
// report it.
func TestImagesThatStayAreInTheResult(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		w.FailRetire(fault.New(fault.EngineFailed, "conflict: unable to remove repository reference"))
		r := w.run(b)
		want(t, r, contract.DecidedSucceeded, "")
		if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "older images stay: conflict") {
			t.Errorf("warnings of the result: %q", r.Warnings)
		}
		if r.Receipt == nil || len(r.Receipt.Warnings) != 1 {
			t.Errorf("warnings of the receipt: %+v", r.Receipt)
		}
	})
}
