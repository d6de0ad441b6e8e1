package workload

import "github.com/pikasTech/unidesk-artifact-cd/internal/artifact"

// Transfer is the account of how an image came to the engine of its host.
type Transfer struct {
	// Wire is how many bytes of layers crossed, Whole how many would have crossed had no
	// layer come as a delta.
	Wire  int64 `json:"wire"`
	Whole int64 `json:"whole"`
	// Layers has an entry for each layer of the image, in its order.
	Layers  []Move `json:"layers"`
	Seconds Spent  `json:"seconds"`
}

// Way is how a layer comes to the engine.
type Way string

// The ways of a layer.
const (
	// WayPresent layers are in the engine.
	WayPresent Way = "present"
	// WayKept layers are in the spool or in the cache.
	WayKept Way = "kept"
	// WayWhole layers cross as the registry stores them.
	WayWhole Way = "whole"
	// WayDelta layers are made of others, and of what crosses.
	WayDelta Way = "delta"
)

// Move is how a layer of an image comes to the engine.
type Move struct {
	Layer artifact.Digest `json:"layer"`
	Way   Way             `json:"way"`
	// Wire is how many bytes cross for it, Blob how many its blob has.
	Wire int64 `json:"wire"`
	Blob int64 `json:"blob"`
	// Why is the reason for the way, for people; "" if it needs none.
	Why string `json:"why,omitempty"`
}

// Spent is the time in seconds that the steps of staging take. They overlap.
type Spent struct {
	// Receive is the time in which the stream waits for bytes, Rebuild in which it writes and
	// applies them, Unpack in which layers are unpacked for later deltas, Load the engine's.
	Receive float64 `json:"receive"`
	Rebuild float64 `json:"rebuild"`
	Unpack  float64 `json:"unpack"`
	Load    float64 `json:"load"`
}
