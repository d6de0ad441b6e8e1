package ledger_test

import (
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

func TestHowACommitStands(t *testing.T) {
	t.Parallel()
	one, two := artifact.DigestOf([]byte("one")), artifact.DigestOf([]byte("two"))
	made := func(commit string, outcome ledger.Outcome, of artifact.Digest, more ...func(*ledger.Receipt)) ledger.Receipt {
		r := receipt(t, "1", commit, outcome, 1)
		r.Image.Manifest = of
		for _, change := range more {
			change(&r)
		}
		return r
	}
	failed := func(r *ledger.Receipt) { r.ProofFailed = true }
	inDev := func(r *ledger.Receipt) { r.Env = artifact.Dev }
	for name, c := range map[string]struct {
		newestFirst []ledger.Receipt
		of          artifact.Digest
		want        ledger.Standing
		fails       bool
	}{
		"nothing is known":              {nil, one, ledger.New, false},
		"kept last":                     {[]ledger.Receipt{made("a", ledger.Succeeded, one)}, one, ledger.Live, false},
		"another was kept since":        {[]ledger.Receipt{made("b", ledger.Succeeded, two), made("a", ledger.Succeeded, one)}, one, ledger.Proven, false},
		"another failed since":          {[]ledger.Receipt{made("b", ledger.Reverted, two, failed), made("a", ledger.Succeeded, one)}, one, ledger.Live, false},
		"its proof failed":              {[]ledger.Receipt{made("a", ledger.Reverted, one, failed)}, one, ledger.RolledBack, true},
		"and the revert too":            {[]ledger.Receipt{made("a", ledger.RevertFailed, one, failed)}, one, ledger.RolledBack, true},
		"it was interrupted":            {[]ledger.Receipt{made("a", ledger.Reverted, one)}, one, ledger.New, false},
		"interrupted once it failed":    {[]ledger.Receipt{made("a", ledger.Reverted, one), made("a", ledger.Reverted, one, failed)}, one, ledger.RolledBack, true},
		"it failed, and then held":      {[]ledger.Receipt{made("b", ledger.Succeeded, two), made("a", ledger.Succeeded, one), made("a", ledger.Reverted, one, failed)}, one, ledger.Proven, false},
		"it held, and then failed":      {[]ledger.Receipt{made("a", ledger.Reverted, one, failed), made("b", ledger.Succeeded, two), made("a", ledger.Succeeded, one)}, one, ledger.RolledBack, true},
		"another image of it failed":    {[]ledger.Receipt{made("a", ledger.Reverted, two, failed)}, one, ledger.New, false},
		"an image of it, of any digest": {[]ledger.Receipt{made("a", ledger.Reverted, two, failed)}, artifact.Digest{}, ledger.RolledBack, true},
		"it failed elsewhere":           {[]ledger.Receipt{made("a", ledger.Reverted, one, failed, inDev)}, one, ledger.New, false},
		"it is degraded":                {[]ledger.Receipt{made("a", ledger.Degraded, one)}, one, ledger.Live, true},
		"it was degraded":               {[]ledger.Receipt{made("b", ledger.Succeeded, two), made("a", ledger.Degraded, one)}, one, ledger.WasDegraded, true},
	} {
		commit := receipt(t, "1", "a", "", 1).Commit
		if got := ledger.StandingOf(c.newestFirst, artifact.Prod, commit, c.of); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if got := ledger.FailedBefore(c.newestFirst, artifact.Prod, commit, c.of); (got != nil) != c.fails {
			t.Errorf("%s: failed by %+v, want %v", name, got, c.fails)
		}
	}
}

// What failed since it was proven is not what a rollback goes back to.
func TestPreviousPassesOverWhatFailedSince(t *testing.T) {
	t.Parallel()
	l := ledger.Open(t.TempDir())
	for i, r := range []ledger.Receipt{
		receipt(t, "1", "a", ledger.Succeeded, 1), receipt(t, "2", "b", ledger.Succeeded, 2),
		receipt(t, "3", "c", ledger.Succeeded, 3), receipt(t, "4", "b", ledger.Reverted, 4),
	} {
		r.ProofFailed = i == 3
		if _, err := l.Record(r); err != nil {
			t.Fatal(err)
		}
	}
	commit, found, _, err := l.Previous(artifact.Prod, "web", receipt(t, "", "c", "", 0).Commit)
	if want := receipt(t, "", "a", "", 0).Commit; err != nil || !found || commit != want {
		t.Errorf("%s, %v, %v, want %s", commit, found, err, want)
	}
}
