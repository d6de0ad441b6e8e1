package contract

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
)

// mostFailure is how much of a receipt's failure a check repeats at most, in bytes.
const mostFailure = 200

// Earlier returns the checks of an image that does not run, by receipts, which come newest
// first. The last proof of the image did not fail, unless the person asks for the image again.
// The Compose service is defined as it was when the image was proven: definition is the hash
// of its present definition, zero if that is not known.
func Earlier(c Contract, receipts []ledger.Receipt, manifest, definition artifact.Digest) (checks []proof.Check) {
	if r := ledger.FailedBefore(receipts, c.Env, c.Commit, manifest); r != nil {
		checks = append(checks, failedBefore(*r, c.again))
	}
	i := slices.IndexFunc(receipts, func(r ledger.Receipt) bool {
		return r.Outcome == ledger.Succeeded && r.Env == c.Env && r.Commit == c.Commit && !r.ComposeHash.IsZero()
	})
	if i >= 0 && !definition.IsZero() && receipts[i].ComposeHash != definition {
		checks = append(checks, proof.Check{
			Name: "compose definition", OK: true, Warning: true, Lasting: true,
			Detail: fmt.Sprintf("is not what it was when %s was proven at %s (receipt %s): the image goes back, and the definition stays as it is now",
				c.Commit.Short(), plain.Stamp(receipts[i].Finished), receipts[i].ID),
			Fix: "look at what was edited since in the Compose files, or whether Compose was updated, which may print the same definition in another way",
		})
	}
	return checks
}

func failedBefore(r ledger.Receipt, again bool) proof.Check {
	why, _, _ := strings.Cut(r.Failure, "\n")
	check := proof.Check{
		Name: "earlier deploy", OK: again, Warning: again,
		Detail: fmt.Sprintf("of this very image failed its proof at %s (receipt %s): %s", plain.Stamp(r.Finished), r.ID, plain.Bounded(why, mostFailure)),
	}
	if r.Outcome == ledger.Degraded {
		check.Detail = fmt.Sprintf("of this very image was kept degraded at %s (receipt %s)", plain.Stamp(r.Finished), r.ID)
	}
	if !again {
		check.Reason = fault.FailedBefore
		check.Fix = fmt.Sprintf("`%s` has its last lines; if it is meant all the same, add --again", Ours("history", "show", r.ID))
	}
	return check
}
