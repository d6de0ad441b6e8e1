package contract

import "github.com/pikasTech/unidesk-artifact-cd/internal/catalog"

// Comparison is an environment as deploy.json wants it, beside what is there.
type Comparison struct {
	OK       bool         `json:"ok"`
	Equal    bool         `json:"equal"`
	Env      catalog.Env  `json:"env"`
	Services []Difference `json:"services"`
}

// Difference is one service of it. Equal wants all three commits to be the same.
type Difference struct {
	Service string `json:"service"`
	Equal   bool   `json:"equal"`
	// Wanted is deploy.json's, Proven the newest receipt's, Live what the running
	// container was stamped with; "" where there is none.
	Wanted string `json:"wanted"`
	Proven string `json:"proven"`
	Live   string `json:"live"`
	// LiveUnknown says that nobody could tell what runs.
	LiveUnknown bool `json:"liveUnknown,omitempty"`
	// Older says that the wanted commit was first proven before the one proven last was.
	Older bool `json:"older,omitempty"`
	// Note says why a value is missing, or when an older wanted commit was proven.
	Note string `json:"note,omitempty"`
}
