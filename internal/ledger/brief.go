package ledger

import (
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// Brief is a receipt in short, as answers have what was proven last.
type Brief struct {
	Receipt string          `json:"receipt"`
	Commit  artifact.Commit `json:"commit"`
	Since   time.Time       `json:"since"`
	Who     string          `json:"who"`
}

// Brief returns the receipt in short.
func (r Receipt) Brief() *Brief { return &Brief{r.ID, r.Commit, r.Finished, r.Who} }
