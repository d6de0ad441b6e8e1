package contract

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Comparison compares an environment with what deploy.json wants there.
type Comparison struct {
	OK       bool         `json:"ok"`
	Equal    bool         `json:"equal"`
	Env      artifact.Env `json:"env"`
	Services []Difference `json:"services"`
}

// Difference is a service of a comparison. Equal needs all three commits to be the same.
type Difference struct {
	Service string `json:"service"`
	Equal   bool   `json:"equal"`
	// Wanted is the commit of deploy.json, "" for none. Proven is the newest receipt whose
	// version was kept, nil for none.
	Wanted  string           `json:"wanted"`
	Proven  *ledger.Brief    `json:"proven,omitempty"`
	Running workload.Running `json:"running"`
	// Older means that the wanted commit was first proven before the last proven commit.
	Older bool `json:"older,omitempty"`
	// Note holds why a value is missing, or when an older wanted commit was proven.
	Note string `json:"note,omitempty"`
}

// ProvenCommit is the commit that was proven last, "" if none was.
func (d Difference) ProvenCommit() string {
	if d.Proven == nil {
		return ""
	}
	return d.Proven.Commit.String()
}
