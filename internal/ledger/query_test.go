package ledger_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

func TestAQueryLeavesOutWhatIsNotWanted(t *testing.T) {
	t.Parallel()
	all := []ledger.Receipt{
		receipt(t, "4", "a", ledger.Reverted, 4), receipt(t, "3", "a", ledger.Succeeded, 3), receipt(t, "2", "a", ledger.Degraded, 2), receipt(t, "1", "a", ledger.Succeeded, 1),
	}
	for i := range all {
		all[i].Finished = all[i].Started
	}
	all[2].Env = artifact.Dev
	for want, q := range map[string]ledger.Query{
		"4321": {},
		"43":   {Limit: 2},
		"431":  {Env: artifact.Prod},
		"432":  {Since: time.Unix(2, 0)},
		"42":   {Outcomes: []ledger.Outcome{ledger.Degraded, ledger.Reverted}},
		"3":    {Outcomes: []ledger.Outcome{ledger.Succeeded}, Limit: 1},
	} {
		var ids []string
		for _, r := range q.Of(all) {
			ids = append(ids, r.ID)
		}
		if got := strings.Join(ids, ""); got != want {
			t.Errorf("%+v: %s, want %s", q, got, want)
		}
	}
}
