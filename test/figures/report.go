package figures

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Markdown is the report as a document; chart is the name of the SVG beside it.
func (r *Report) Markdown(chart string) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# Benchmarks\n")
	p("`make bench` makes this page. It brings images from D601 to the master of the lab's two hosts, over links of the lab's own, by the")
	p("product and by the ways that an operator has without it, in turn. Times are from the request, over a tunnel that is up, to the")
	p("verified image; those of a prefetch, and of S8, have ssh's log-in in them. Each is the median of %d, with the shortest and the longest.", r.Runs)
	p("Payload is what the way's own protocol moved in both directions; ssh is what TCP carried between the hosts. KB and MB are powers")
	p("of ten. The run took %s.\n", r.Took.Round(time.Second))
	for _, line := range r.Machine {
		p("- %s", line)
	}
	p("\n| link | round trip | plain TCP |\n|---|---:|---:|")
	for _, l := range r.Links {
		p("| %s | %s | %.1f Mbit/s |", l.Name, millis(l.RTT), l.Goodput*8/mB)
	}
	p("\n![Time to the verified image](%s)\n", chart)
	r.goals(p)
	r.ratios(p)
	for _, c := range r.Cases {
		c.table(p)
	}
	if len(r.Memory) > 0 {
		p("\n## Memory\n\nThe most that each process had (VmHWM) while a layer was brought.\n\n| layer | controller | agent |\n|---:|---:|---:|")
		for _, m := range r.Memory {
			p("| %s | %.1f MiB | %.1f MiB |", size(m.Layer), float64(m.Controller)/mib, float64(m.Agent)/mib)
		}
	}
	return b.String()
}

func (r *Report) goals(p func(string, ...any)) {
	p("## Goals\n\n| scenario | goal | measured | |\n|---|---|---|---|")
	for _, j := range r.Judge() {
		p("| %s | %s | %s | %s |", j.Scenario, j.Goal, j.Measured, j.Verdict)
	}
	p("\n[ADR 9](adr/0009-layers-made-of-layers.md#goals-that-are-missed) has why a goal is missed, and what was tried.")
}

// ratios is ours beside docker pull, the worst case last.
func (r *Report) ratios(p func(string, ...any)) {
	type row struct {
		c           Case
		time, bytes float64
	}
	var rows []row
	for _, c := range r.Cases {
		ours, theirs := c.Runs[Ours], c.Runs[Pull]
		if ours != nil && theirs != nil {
			rows = append(rows, row{c, ratio(ours, theirs), float64(Middle(ours, Payload)) / float64(max(Middle(theirs, Payload), 1))})
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.time, b.time) })
	p("\n## Beside docker pull\n\nThe worst ratio is last.\n\n| scenario | link | time | payload |\n|---|---|---:|---:|")
	for _, row := range rows {
		p("| %s | %s | %.3f | %.5f |", row.c.Title, row.c.Link, row.time, row.bytes)
	}
}

func (c Case) table(p func(string, ...any)) {
	p("\n## %s: %s, %s\n", c.Scenario, c.Title, c.Link)
	if c.Load > 0 {
		p("The engine alone takes %s for the same layers from a local file.\n", span(c.Load))
	}
	p("| way | time | shortest to longest | payload | ssh | first to last byte | processor here, there | engine | peak here, there |")
	p("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
	for _, way := range ways() {
		s := c.Runs[way]
		if s == nil {
			continue
		}
		first := func(a, b Sample) int { return cmp.Compare(a.Took, b.Took) }
		peak := "—"
		if here := Middle(s, func(s Sample) int64 { return s.PeakHere }); here > 0 {
			peak = fmt.Sprintf("%.1f, %.1f MiB", float64(here)/mib, float64(Middle(s, func(s Sample) int64 { return s.PeakThere }))/mib)
		}
		p("| %s | %s | %s to %s | %s | %s | %.1f Mbit/s | %s, %s | %s | %s |", way,
			span(Middle(s, Took)), span(slices.MinFunc(s, first).Took), span(slices.MaxFunc(s, first).Took),
			size(Middle(s, Payload)), size(Middle(s, Wire)), Middle(s, Rate)*8/mB,
			span(Middle(s, func(s Sample) time.Duration { return s.Here })), span(Middle(s, func(s Sample) time.Duration { return s.There })),
			span(Middle(s, func(s Sample) time.Duration { return s.Engine })), peak)
	}
}

func ways() []Way { return []Way{Ours, Prefetch, Pull, Skopeo, SaveZstd, Save} }

func size(n int64) string {
	switch {
	case n < 10*kB:
		return fmt.Sprintf("%.2f KB", float64(n)/kB)
	case n < mB:
		return fmt.Sprintf("%.1f KB", float64(n)/kB)
	default:
		return fmt.Sprintf("%.2f MB", float64(n)/mB)
	}
}

func span(d time.Duration) string   { return fmt.Sprintf("%.2f s", d.Seconds()) }
func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }
func percent(share float64) string  { return fmt.Sprintf("%.1f %%", share*100) }
