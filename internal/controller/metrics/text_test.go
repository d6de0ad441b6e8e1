package metrics

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/build"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

var update = flag.Bool("update", false, "write the text of the facts into testdata")

// sample are facts of which each metric has something to show.
func sample() Facts {
	web := Pair{"frontend", "prod"}
	p := Place{Pair: web, Streamed: true, Commit: strings.Repeat("a", 40), State: overview.Degraded, Deploys: Deploys{
		Count: map[ledger.Outcome]int{ledger.Degraded: 1, ledger.Succeeded: 3}, Last: map[ledger.Outcome]time.Time{ledger.Degraded: start()},
		Steps: map[workload.Point]float64{workload.PointTransfer: 1.25, workload.PointSwitch: 0.5}, Down: 2, Wire: 10, Whole: 110,
	}}
	return Facts{
		At: start().Add(1500 * time.Millisecond), Build: build.Info{Version: "v1.2.3", Commit: "abc", Go: "go1.26"},
		Places: []Place{p, {Pair: Pair{"findjob", "prod"}}}, Leftovers: 1,
		Unsettled: []Change{
			{web, strings.Repeat("b", 40), "20260101T000000Z-00000001", start().Add(time.Minute)},
			{Pair{Service: "unidesk/odd"}, strings.Repeat("c", 40), "20260101T000000Z-00000002", time.Time{}},
		},
		Attempts: []Attempts{{web, "blocked", 7}}, Folders: []Folder{{"spool", 5, 100}, {"ledger", 6, 0}},
		Unread: map[Source]error{FromJournal: errors.New("no")},
	}
}

func TestTheTextOfFacts(t *testing.T) {
	t.Parallel()
	const golden = "testdata/facts.prom"
	text := must(sample().Text())
	if *update {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(must(os.ReadFile(golden))), string(text)); diff != "" {
		t.Error(diff)
	}
}

func TestEachMetricHasASample(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, f := range must(sample().Families()) {
		shown[f.Name] = true
		if len(f.Samples) == 0 || f.Help == "" || (f.Type == "counter") != strings.HasSuffix(f.Name, "_total") {
			t.Errorf("%+v", f)
		}
	}
	for _, name := range Names() {
		if !shown[name] {
			t.Errorf("%s is in the table, and no fact shows it", name)
		}
	}
}

func TestFactsAsValues(t *testing.T) {
	t.Parallel()
	for _, f := range must(sample().Families()) {
		want := map[string][]Sample{
			savedBytes: {{map[string]string{"service": "frontend", "env": "prod"}, 100}},
			attempts:   {{map[string]string{"service": "frontend", "env": "prod", "outcome": "blocked"}, 7}},
			unsettled:  {{map[string]string{}, 2}},
		}[f.Name]
		if want == nil {
			continue
		}
		if diff := cmp.Diff(want, f.Samples); diff != "" {
			t.Errorf("%s: %s", f.Name, diff)
		}
	}
}

// A number is never a guess.
func TestWhatIsNotReadIsLeftOut(t *testing.T) {
	t.Parallel()
	unread := errors.New("no")
	f := Facts{At: start(), Unread: map[Source]error{FromLedger: unread, FromJournal: unread, FromAttempts: unread, FromChanges: unread, FromFolders: unread}}
	for _, family := range must(f.Families()) {
		switch family.Name {
		case buildInfo, collectedAt:
		case readable:
			for _, s := range family.Samples {
				if s.Value != 0 {
					t.Errorf("%+v", s)
				}
			}
			if len(family.Samples) != len(Sources()) {
				t.Errorf("%d sources", len(family.Samples))
			}
		default:
			t.Errorf("%s is shown: %+v", family.Name, family.Samples)
		}
	}
	if err := f.Fault(); !errors.Is(err, unread) {
		t.Errorf("%v", err)
	}
}

// A label's value is a file's, and may be anything.
func TestALabelThatIsNoTextIsAnError(t *testing.T) {
	t.Parallel()
	f := sample()
	f.Attempts[0].Outcome = "\xff"
	if text, err := f.Text(); err == nil {
		t.Errorf("%s", text)
	}
}
