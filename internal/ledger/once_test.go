package ledger_test

import (
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// A receipt in force stays as it is, whatever id a host names for another change.
func TestAReceiptInForceIsNeverWrittenOver(t *testing.T) {
	t.Parallel()
	l := ledger.Open(t.TempDir())
	first := receipt(t, "1", "a", ledger.Succeeded, 1)
	first.Who = "alice"
	if _, err := l.Record(first); err != nil {
		t.Fatal(err)
	}
	other := receipt(t, "1", "b", ledger.Reverted, 2)
	other.Who = "a host"
	recorded, err := l.Record(other)
	if err != nil || recorded.ID == "1" || recorded.Change != "1" {
		t.Errorf("%+v, %v", recorded, err)
	}
	again := first
	again.Who = "bob"
	if said, err := l.Record(again); err != nil || said.Who != "alice" {
		t.Errorf("the same again: %+v, %v", said, err)
	}
	if got, err := l.Get("1"); err != nil || got.Who != "alice" || got.Commit != first.Commit || got.Outcome != ledger.Succeeded {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := l.Get(recorded.ID); err != nil || got.Commit != other.Commit {
		t.Errorf("%+v, %v", got, err)
	}
	all, err := l.History(0, "")
	if left, pending := l.Pending(); err != nil || pending != nil || len(all) != 2 || len(left) != 0 {
		t.Errorf("%d receipts, %d pending, %v, %v", len(all), len(left), err, pending)
	}
}

// A host's clock moves no receipt: a change began when its id was made, and not after now.
func TestAChangeBeganWhenItsIDWasMade(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	hour := time.Hour
	for name, c := range map[string]struct {
		id   string
		told time.Time
		want time.Time
	}{
		"the host is a day ahead":  {ledger.NewID(now.Add(-hour)), now.Add(24 * hour), now.Add(-hour)},
		"the host is a day behind": {ledger.NewID(now.Add(-hour)), now.Add(-24 * hour), now.Add(-hour)},
		"an id of tomorrow":        {ledger.NewID(now.Add(24 * hour)), now, now},
		"an id of another form":    {"killed", now.Add(24 * hour), now},
		"an id of another's form":  {"20250102T030405Z-../../..", now.Add(-hour), now.Add(-hour)},
	} {
		if got := ledger.Began(c.id, c.told, now); !got.Equal(c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
