package present

import (
	"bytes"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestHowTheLayersCameIsShown(t *testing.T) {
	t.Parallel()
	moves := func(ways ...workload.Way) (all []workload.Move) {
		for _, way := range ways {
			all = append(all, workload.Move{Way: way})
		}
		return all
	}
	delta := workload.Transfer{Wire: 23_500, Whole: 2_700_000, Layers: moves(workload.WayPresent, workload.WayPresent, workload.WayKept, workload.WayDelta)}
	whole := workload.Transfer{Wire: 5, Whole: 5, Layers: moves(workload.WayWhole)}
	for name, c := range map[string]struct {
		result contract.Result
		want   string
	}{
		"a deploy":                 {contract.Result{Bytes: &ledger.Bytes{}, Receipt: &ledger.Receipt{Transfer: &delta}}, "  layers         2 in the engine, 1 kept from before, 1 as a delta, 2.7 MB less by deltas\n"},
		"a prefetch":               {contract.Result{Bytes: &ledger.Bytes{}, Transfer: &whole}, "  layers         1 whole\n"},
		"nothing was staged":       {contract.Result{Bytes: &ledger.Bytes{}, Receipt: &ledger.Receipt{}}, ""},
		"nothing crossed and none": {contract.Result{}, ""},
	} {
		var out bytes.Buffer
		if err := printResult(&out, c.result); err != nil {
			t.Fatal(err)
		}
		if c.want == "" && strings.Contains(out.String(), "  layers ") || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s:\n%s\nwant %q", name, out.String(), c.want)
		}
	}
}
