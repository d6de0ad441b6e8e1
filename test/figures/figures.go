// Package figures holds what a benchmark of transfers measured, judges it against the goals and writes the report. It is
// pure: package e2e measures.
package figures

import (
	"cmp"
	"slices"
	"time"
)

// Way is how an image is brought.
type Way string

// The ways that are compared. Pull is what an operator would do without the product.
const (
	Ours     Way = "unidesk"
	Prefetch Way = "unidesk prefetch"
	Pull     Way = "docker pull through ssh -L"
	Skopeo   Way = "skopeo copy through ssh -L"
	Save     Way = "docker save, ssh, docker load"
	SaveZstd Way = "docker save, zstd, ssh, docker load"
)

// Sample is a run of a way.
type Sample struct {
	// Took is from the request, over a tunnel that is up, to the image that the engine has and that was verified. Of a prefetch
	// and of a transfer that is cut it has ssh's log-in in it.
	Took time.Duration
	// Payload is what the way's own protocol moved in both directions, Wire what TCP carried between the hosts, which
	// is ssh's payload and its handshake. Both in bytes.
	Payload, Wire int64
	// Rate is bytes a second from the first byte to the last.
	Rate float64
	// Here and There are the processor time of the transfer's programs on the master and on D601, ssh included.
	// Engine is that of the master's engine.
	Here, There, Engine time.Duration
	// PeakHere and PeakThere are the most that controller and agent had in memory, in bytes; 0 for other ways.
	PeakHere, PeakThere int64
}

// CPU is that of both sides, without the engine.
func (s Sample) CPU() time.Duration { return s.Here + s.There }

// Case is a scenario over a link.
type Case struct {
	Scenario, Title, Link string
	// Load is how long the engine alone takes for the same layers from a local file; 0 if it was not measured.
	Load time.Duration
	// Index is the processor time of the agent after CI has published, before the image is asked for.
	Index time.Duration
	// Runs are the samples of each way, in order.
	Runs map[Way][]Sample
}

// Middle is the sample in the middle by what is asked of it.
func Middle[T cmp.Ordered](samples []Sample, of func(Sample) T) T {
	var values []T
	for _, s := range samples {
		values = append(values, of(s))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// Took is a time; it and the functions below are what medians are made of.
func Took(s Sample) time.Duration { return s.Took }

// Payload is bytes.
func Payload(s Sample) int64 { return s.Payload }

// Wire is bytes.
func Wire(s Sample) int64 { return s.Wire }

// Rate is bytes a second.
func Rate(s Sample) float64 { return s.Rate }

// CPU is processor time.
func CPU(s Sample) time.Duration { return s.CPU() }

// Link is a checked link.
type Link struct {
	Name string
	// RTT and Goodput (bytes a second of plain TCP) are as measured.
	RTT     time.Duration
	Goodput float64
}

// Memory is the peak of both processes while a layer of a size was brought.
type Memory struct{ Layer, Controller, Agent int64 }

// Report is a whole run.
type Report struct {
	// Machine are lines for the head of the report.
	Machine []string
	Runs    int
	Links   []Link
	Cases   []Case
	Memory  []Memory
	// Took is how long the benchmark ran.
	Took time.Duration
}

// find returns a case's samples; nil if the way was not measured.
func (r *Report) find(scenario, link string, way Way) []Sample {
	for _, c := range r.Cases {
		if c.Scenario == scenario && c.Link == link {
			return c.Runs[way]
		}
	}
	return nil
}

func (r *Report) link(name string) (Link, bool) {
	i := slices.IndexFunc(r.Links, func(l Link) bool { return l.Name == name })
	if i < 0 {
		return Link{}, false
	}
	return r.Links[i], true
}
