package figures

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func took(payload int64, seconds ...float64) (samples []Sample) {
	for _, s := range seconds {
		samples = append(samples, Sample{Took: time.Duration(s * float64(time.Second)), Payload: payload, Wire: payload + 5000, Rate: float64(payload) / s})
	}
	return samples
}

func sample() *Report {
	return &Report{
		Machine: []string{"two processors"}, Runs: 3,
		Links: []Link{{Usual, 50 * time.Millisecond, 12e6}, {Fast, 100 * time.Millisecond, 100e6}},
		Cases: []Case{
			{Scenario: "S1", Title: "a line", Link: Usual, Index: 2 * time.Second, Load: 5 * time.Second, Runs: map[Way][]Sample{
				Ours: took(3000, 6, 5, 7), Pull: took(67e6, 11, 12, 10), Save: took(245e6, 30),
			}},
			{Scenario: "S5", Title: "first", Link: Usual, Runs: map[Way][]Sample{Ours: took(100e6, 10), Pull: took(99e6, 11)}},
			{Scenario: "S6", Title: "noise", Link: Fast, Runs: map[Way][]Sample{Ours: took(600e6, 7), Pull: took(600e6, 30)}},
			{Scenario: "S7", Title: "swap & more", Link: Usual, Runs: map[Way][]Sample{Ours: took(20e6, 9), Pull: took(100e6, 11)}},
			{Scenario: "S8", Title: "cut", Link: Usual, Runs: map[Way][]Sample{Ours: took(101e6, 12), Pull: took(150e6, 16)}},
		},
		Memory: []Memory{{100e6, 40 << 20, 30 << 20}, {5e9, 41 << 20, 40 << 20}},
	}
}

func judged(t *testing.T, r *Report, scenario string) Judged {
	t.Helper()
	for _, j := range r.Judge() {
		if strings.HasPrefix(j.Scenario, scenario) {
			return j
		}
	}
	t.Fatalf("no goal %q", scenario)
	return Judged{}
}

func TestGoalsAreJudged(t *testing.T) {
	for scenario, want := range map[string]Judged{
		"one line":                 {Measured: "3.00 KB", Verdict: Met},
		"the same, every mtime":    {Measured: "—", Verdict: NotMeasured},
		"base image":               {Measured: "20.0 %, 20.00 MB", Verdict: Missed},
		"one 600 MB":               {Measured: "4.29 times; 85.7 % of plain TCP", Verdict: Met},
		"first deploy":             {Measured: "0.909 of its time; 1.010 times its bytes", Verdict: Met},
		"small edit, 100 Mbit/s":   {Measured: "1.83 times, 6.00 s", Verdict: Met},
		"small edit, 20 Mbit/s":    {Measured: "—", Verdict: NotMeasured},
		"cut at half way":          {Measured: "1.00 MB, docker pull 51.00 MB", Verdict: Met},
		"memory":                   {Measured: "controller 41.0 MiB for 5000.00 MB, 40.0 for 100.00 MB; agent 40.0 MiB for 5000.00 MB, 30.0 for 100.00 MB", Verdict: Missed},
		"processor time":           {Measured: "2.00 s cold; 0.00 s kept", Verdict: Met},
		"prefetch of what is":      {Measured: "—", Verdict: NotMeasured},
		"releases 2 to 5 of a rea": {Measured: "—", Verdict: NotMeasured},
	} {
		if got := judged(t, sample(), scenario); got.Measured != want.Measured || got.Verdict != want.Verdict {
			t.Errorf("%s: %q %s, want %q %s", scenario, got.Measured, got.Verdict, want.Measured, want.Verdict)
		}
	}
}

// A goal with two conditions is missed with either.
func TestAGoalIsMissedByEachOfItsConditions(t *testing.T) {
	for name, change := range map[string]func(*Report){
		"slower": func(r *Report) { r.Cases[1].Runs[Ours] = took(100e6, 12) },
		"larger": func(r *Report) { r.Cases[1].Runs[Ours] = took(102e6, 10) },
	} {
		r := sample()
		change(r)
		if got := judged(t, r, "first deploy"); got.Verdict != Missed {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestTheWorstRatioIsLast(t *testing.T) {
	text := sample().Markdown("benchmarks.svg")
	_, text, _ = strings.Cut(text, "## Beside docker pull")
	text, _, _ = strings.Cut(text, "\n## ")
	rows := strings.Split(strings.TrimSpace(text), "\n")
	if first, last := rows[4], rows[len(rows)-1]; first != "| noise | 1 Gbit/s, 100 ms | 0.233 | 1.00000 |" || last != "| first | 100 Mbit/s, 50 ms | 0.909 | 1.01010 |" {
		t.Errorf("the table is\n%s", text)
	}
}

func TestTheReportNamesMedianAndRange(t *testing.T) {
	text := sample().Markdown("benchmarks.svg")
	for _, want := range []string{
		"| unidesk | 6.00 s | 5.00 s to 7.00 s | 3.00 KB | 8.00 KB |", "The engine alone takes 5.00 s", "![Time to the verified image](benchmarks.svg)",
		"| docker save, ssh, docker load | 30.00 s |", "| 100 Mbit/s, 50 ms | 50.0 ms | 96.0 Mbit/s |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report has no %q:\n%s", want, text)
		}
	}
}

func TestTheChartIsXML(t *testing.T) {
	chart := sample().Chart()
	decoder, bars := xml.NewDecoder(strings.NewReader(chart)), 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
			bars++
		}
	}
	if bars != 12 { // the ground, and eleven bars
		t.Errorf("%d rectangles", bars)
	}
	(&Report{}).Chart() // an empty report has a chart too
}
