package contract

import "github.com/pikasTech/unidesk-artifact-cd/internal/artifact"

// Comparison is an environment as deploy.json wants it, beside what is there.
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
	// Wanted is deploy.json's, Proven the newest receipt's, Live what the running
	// container was stamped with; "" if there is no such commit.
	Wanted string `json:"wanted"`
	Proven string `json:"proven"`
	Live   string `json:"live"`
	// LiveUnknown means that the command could not find out what runs.
	LiveUnknown bool `json:"liveUnknown,omitempty"`
	// Older means that the wanted commit was first proven before the last proven commit.
	Older bool `json:"older,omitempty"`
	// Note holds why a value is missing, or when an older wanted commit was proven.
	Note string `json:"note,omitempty"`
}
