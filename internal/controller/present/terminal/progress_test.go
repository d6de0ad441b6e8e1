package terminal_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// of returns a line of a run of a service, so many seconds after noon.
func of(t *testing.T, service string, seconds int, text string) journal.Line {
	t.Helper()
	id, err := artifact.ParseServiceID(service)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 12, 0, seconds, 0, time.UTC)
	return journal.Line{Time: at, Run: service, Service: id, Env: artifact.Prod, Point: workload.PointProve, Text: text}
}

func TestEachFormShowsWhatItIsFor(t *testing.T) {
	t.Parallel()
	end := of(t, "web", 9, "")
	end.End = &journal.End{Outcome: "succeeded"}
	repeated := of(t, "web", 2, "waiting")
	for form, want := range map[terminal.Form]string{
		terminal.Plain: "prove      waiting\nprove      \\u202e\n",
		terminal.Auto:  "prove      waiting\nprove      \\u202e\n",
		terminal.JSON:  "waiting \\u202e end ",
		terminal.Quiet: "",
	} {
		var out bytes.Buffer
		p := terminal.NewProgress(terminal.Fitted(&out, func(text string) string { return strings.ToUpper(text) }), form, false)
		if form != terminal.JSON { // whose lines are no text for people
			p = terminal.NewProgress(terminal.Fitted(&out, strings.Clone), form, false)
		}
		p.Line(of(t, "web", 1, "waiting"), true)
		p.Line(repeated, false)
		p.Line(of(t, "web", 3, "\u202e"), true)
		p.Line(end, true)
		p.Close()
		got := regexp.MustCompile(`(?m)^ *[0-9.]+s  `).ReplaceAllString(out.String(), "")
		if form == terminal.JSON {
			got = ""
			for line := range strings.Lines(out.String()) {
				text := regexp.MustCompile(`"text":"([^"]*)"|"(end)":`).FindStringSubmatch(line)
				if text == nil || !strings.HasPrefix(line, `{"time":"2026-01-02T12:00:0`) {
					t.Fatalf("%q", line)
				}
				got += text[1] + text[2] + " "
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", form, diff)
		}
	}
	if _, err := terminal.ParseForm("--progress", "fancy"); err == nil {
		t.Error("fancy is a form")
	}
}

// A line above a live bar is the text that it is elsewhere.
func TestALineAboveABarIsFitted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := terminal.NewProgress(terminal.Fitted(&out, func(text string) string { return strings.ReplaceAll(text, "mine", "yours") }), terminal.TTY, true)
	moves := of(t, "web", 1, "")
	moves.Done, moves.Total = 1, 4
	p.Line(moves, false)
	p.Line(of(t, "web", 2, "mine \u202e"), true)
	p.Close()
	if !strings.Contains(out.String(), `yours \u202e`) || strings.Contains(out.String(), "mine") {
		t.Errorf("%q", out.String())
	}
}

// Of several services each line names its own, and counts from where that service began.
func TestALineNamesItsServiceAndCountsFromItsStart(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := terminal.NewProgress(&out, terminal.Plain, true)
	p.NameServices()
	for _, l := range []journal.Line{of(t, "web", 10, "one"), of(t, "api", 30, "one"), of(t, "web", 32, "two"), of(t, "api", 33, "two")} {
		p.Line(l, true)
	}
	want := []string{
		"   0.0s  web                  prove      one", "   0.0s  api                  prove      one",
		"  22.0s  web                  prove      two", "   3.0s  api                  prove      two", "",
	}
	if diff := cmp.Diff(want, strings.Split(out.String(), "\n")); diff != "" {
		t.Error(diff)
	}
}

// While a run goes on no more than ten seconds pass without a line: how far the bytes are,
// or that nothing is new. Nothing comes after its end.
func TestSilenceIsNeverLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := terminal.NewProgress(&out, terminal.Plain, false)
		defer p.Close()
		pass := func(l journal.Line) {
			l.Time = time.Now()
			p.Line(l, true)
		}
		load := of(t, "web", 0, "the engine pulls")
		load.Point = workload.PointLoad
		pass(load)
		for load.Total = 40; load.Done < load.Total; {
			time.Sleep(3 * time.Second)
			load.Done += 5
			pass(load)
		}
		time.Sleep(21 * time.Second)
		end := of(t, "web", 0, "")
		end.End = &journal.End{Outcome: "succeeded"}
		pass(end)
		time.Sleep(time.Minute)
		want := []string{
			"   0.0s  load       the engine pulls", "  10.0s  load       15 B of 40 B", "  20.0s  load       30 B of 40 B",
			"  30.0s  load       40 B of 40 B", "  40.0s  load       40 B of 40 B; no news for 16 s", "",
		}
		if diff := cmp.Diff(want, strings.Split(out.String(), "\n")); diff != "" {
			t.Error(diff)
		}
	})
}

// A step that takes long shows itself while it goes on, and no step does when it ends at once.
func TestAStepThatTakesLongIsShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := terminal.NewProgress(&out, terminal.Plain, false)
		p.Begin("check", "what is there")
		p.Step("check", "as it is")
		p.Begin("image", "registry:2")
		time.Sleep(11 * time.Second)
		p.Step("image", "pulled")
		p.Close()
		time.Sleep(time.Minute)
		want := []string{"   0.0s  check      as it is", "  10.0s  image      registry:2; no news for 10 s", "  11.0s  image      pulled", ""}
		if diff := cmp.Diff(want, strings.Split(out.String(), "\n")); diff != "" {
			t.Error(diff)
		}
	})
}
