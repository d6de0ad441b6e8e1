package figures

import (
	"fmt"
	"time"
)

// The names of the links that goals are about.
const (
	Usual = "100 Mbit/s, 50 ms"
	Fast  = "1 Gbit/s, 100 ms"
	Slow  = "20 Mbit/s, 100 ms"
)

// Verdict is what became of a goal.
type Verdict string

// Verdicts. A goal that was not measured is neither met nor missed.
const (
	Met         Verdict = "met"
	Missed      Verdict = "missed"
	NotMeasured Verdict = "not measured"
)

// Judged is a goal beside what was measured.
type Judged struct {
	Scenario, Goal, Measured string
	Verdict                  Verdict
}

// check is a condition of a goal: what was measured, in words, and whether it is enough.
type check struct {
	text string
	ok   bool
}

type goal struct {
	scenario, text string
	// measured returns nothing if something that it needs was not measured.
	measured func(*Report) []check
}

// Judge compares the report with every goal.
func (r *Report) Judge() []Judged {
	var all []Judged
	for _, g := range goals() {
		j := Judged{Scenario: g.scenario, Goal: g.text, Measured: "—", Verdict: NotMeasured}
		for i, c := range g.measured(r) {
			if i == 0 {
				j.Measured, j.Verdict = c.text, Met
			} else {
				j.Measured += "; " + c.text
			}
			if !c.ok {
				j.Verdict = Missed
			}
		}
		all = append(all, j)
	}
	return all
}

const (
	kB  = 1000
	mB  = 1000 * kB
	mib = 1 << 20
)

func goals() []goal {
	return []goal{
		{"prefetch of what is staged already", "at most 2 KB, a round trip and 150 ms", func(r *Report) []check {
			s := r.find("S0", Usual, Prefetch)
			link, ok := r.link(Usual)
			if !ok || s == nil {
				return nil
			}
			bytes, took := Middle(s, Payload), Middle(s, Took)
			return []check{{size(bytes), bytes <= 2*kB}, {span(took), took <= link.RTT+150*time.Millisecond}}
		}},
		atMost("one line in a 245 MB layer, times kept", "S1", 8*kB),
		atMost("the same, every mtime new", "S2", 150*kB),
		atMost("an 11 MB Go program rebuilt", "S3", 256*kB),
		atMost("a dependency bump in 69 MB", "S4", 900*kB),
		share("base image swapped, content mostly the same", "S7", 0.15),
		share("releases 2 to 5 of a real tree, in sum", "S9", 0.10),
		{"one 600 MB layer, 1 Gbit/s, 100 ms", "from first to last byte at least 3.5 times docker pull's rate, and 85 % of plain TCP's", func(r *Report) []check {
			ours, theirs := r.find("S6", Fast, Ours), r.find("S6", Fast, Pull)
			link, ok := r.link(Fast)
			if ours == nil || theirs == nil || !ok {
				return nil
			}
			of, plain := Middle(ours, Rate)/Middle(theirs, Rate), Middle(ours, Rate)/link.Goodput
			return []check{{fmt.Sprintf("%.2f times", of), of >= 3.5}, {percent(plain) + " of plain TCP", plain >= 0.85}}
		}},
		{"first deploy, 100 Mbit/s", "not slower than docker pull, at most 1.02 times its bytes", func(r *Report) []check {
			ours, theirs := r.find("S5", Usual, Ours), r.find("S5", Usual, Pull)
			if ours == nil || theirs == nil {
				return nil
			}
			slower, more := ratio(ours, theirs), float64(Middle(ours, Payload))/float64(Middle(theirs, Payload))
			return []check{{fmt.Sprintf("%.3f of its time", slower), slower <= 1}, {fmt.Sprintf("%.3f times its bytes", more), more <= 1.02}}
		}},
		faster("small edit, 20 Mbit/s, 100 ms", "at least 4 times faster than docker pull", Slow, 4),
		faster("small edit, 100 Mbit/s", "not slower than docker pull", Usual, 1),
		{"cut at half way", "at least 10 times less is sent again than with docker pull", func(r *Report) []check {
			ours, theirs := again(r, Ours), again(r, Pull)
			if ours < 0 || theirs < 0 {
				return nil
			}
			return []check{{size(ours) + ", docker pull " + size(theirs), theirs >= 10*max(ours, 1)}}
		}},
		{"memory", "at most 64 MiB on each side for a 5 GB layer, flat", flat},
		{"processor time of both sides for the one-line edit", "at most 3 s with a cold index, 1.5 s with a kept index", func(r *Report) []check {
			for _, c := range r.Cases {
				if s := c.Runs[Ours]; c.Scenario == "S1" && c.Link == Usual && s != nil {
					kept := Middle(s, CPU)
					return []check{{span(kept+c.Index) + " cold", kept+c.Index <= 3*time.Second}, {span(kept) + " kept", kept <= 1500*time.Millisecond}}
				}
			}
			return nil
		}},
	}
}

// atMost is a ceiling on the bytes of a scenario.
func atMost(name, scenario string, limit int64) goal {
	return goal{name, "at most " + size(limit), func(r *Report) []check {
		s := r.find(scenario, Usual, Ours)
		if s == nil {
			return nil
		}
		got := Middle(s, Payload)
		return []check{{size(got), got <= limit}}
	}}
}

// share is a ceiling on the bytes of a scenario beside docker pull's.
func share(name, scenario string, limit float64) goal {
	return goal{name, "at most " + percent(limit) + " of docker pull's bytes", func(r *Report) []check {
		ours, theirs := r.find(scenario, Usual, Ours), r.find(scenario, Usual, Pull)
		if ours == nil || theirs == nil {
			return nil
		}
		got := float64(Middle(ours, Payload)) / float64(Middle(theirs, Payload))
		return []check{{percent(got) + ", " + size(Middle(ours, Payload)), got <= limit}}
	}}
}

// faster is a floor on how many times faster the small edit is.
func faster(name, text, link string, limit float64) goal {
	return goal{name, text, func(r *Report) []check {
		ours, theirs := r.find("S1", link, Ours), r.find("S1", link, Pull)
		if ours == nil || theirs == nil {
			return nil
		}
		got := 1 / ratio(ours, theirs)
		return []check{{fmt.Sprintf("%.2f times, %s", got, span(Middle(ours, Took))), got >= limit}}
	}}
}

// again is how many bytes a cut costs; -1 if that was not measured.
func again(r *Report, way Way) int64 {
	cut, whole := r.find("S8", Usual, way), r.find("S5", Usual, way)
	if cut == nil || whole == nil {
		return -1
	}
	return max(Middle(cut, Wire)-Middle(whole, Wire), 0)
}

func flat(r *Report) []check {
	if len(r.Memory) < 2 {
		return nil
	}
	small, large := r.Memory[0], r.Memory[len(r.Memory)-1]
	var checks []check
	for _, side := range []struct {
		name        string
		small, most int64
	}{{"controller", small.Controller, large.Controller}, {"agent", small.Agent, large.Agent}} {
		checks = append(checks, check{
			fmt.Sprintf("%s %.1f MiB for %s, %.1f for %s", side.name, float64(side.most)/mib, size(large.Layer), float64(side.small)/mib, size(small.Layer)),
			side.most > 0 && side.most <= 64*mib && side.most <= side.small*11/10,
		})
	}
	checks[0].ok = checks[0].ok && large.Layer >= 5*1000*mB
	return checks
}

// ratio is ours to theirs, by the medians of the time.
func ratio(ours, theirs []Sample) float64 {
	return Middle(ours, Took).Seconds() / Middle(theirs, Took).Seconds()
}
