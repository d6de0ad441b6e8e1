package present

import (
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
)

func TestAPlanSaysWhatDeltasSave(t *testing.T) {
	t.Parallel()
	for want, need := range map[string]contract.Need{
		"2 layers, 3.0 kB instead of 67.0 MB": {Layers: 2, Bytes: 3000, Whole: 67_000_000},
		"2 layers, 67.0 MB":                   {Layers: 2, Bytes: 67_000_000, Whole: 67_000_000},
		"1 layer, 67.0 MB":                    {Layers: 1, Bytes: 67_000_000}, // of an answer that knows no deltas
	} {
		if got := wouldCross(contract.Plan{Need: need}, nil); got != want {
			t.Errorf("it says %q, not %q", got, want)
		}
	}
}
