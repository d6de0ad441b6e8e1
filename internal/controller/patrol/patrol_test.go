package patrol

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
)

// Each word is the state that a look finds; "+" behind it means that the look is reported.
func TestADriftIsReportedOnceItStays(t *testing.T) {
	t.Parallel()
	for _, story := range []string{
		"proven down proven down proven",
		"proven down down+ down proven down down+",
		"drifted drifted+ drifted drifted",
		"down drifted drifted+ down down+",
		"down down+ changing down down",
		"down unknown down down+",
		"down down+ unknown unknown down down",
		"down down+ unconfirmed degraded down down+",
		"none none unproven unproven degraded degraded",
	} {
		var logger bytes.Buffer
		reports := 0
		p := Patrol{
			Send: func(context.Context, notify.Notice) error { reports++; return nil }, Status: func(string) {}, Log: slog.New(slog.NewTextHandler(&logger, nil)),
			seen: map[string]overview.State{}, reported: map[string]overview.State{},
		}
		for i, word := range strings.Fields(story) {
			state, wants := strings.CutSuffix(word, "+")
			if !slices.Contains(overview.States(), overview.State(state)) {
				t.Fatalf("there is no state %q", state)
			}
			p.Look = func(context.Context) ([]overview.Live, []inventory.Unasked) {
				return []overview.Live{{Service: "frontend", Env: artifact.Prod, State: overview.State(state)}}, nil
			}
			before := reports
			p.round(t.Context())
			if got := reports > before; got != wants {
				t.Errorf("%s: look %d is reported: %t", story, i+1, got)
			}
		}
		if strings.Count(logger.String(), "level=WARN") != reports {
			t.Errorf("%s: %d reports, and the log is\n%s", story, reports, logger.String())
		}
	}
}

func TestTheStatusCountsTheServices(t *testing.T) {
	t.Parallel()
	var logger bytes.Buffer
	var status []string
	live := []overview.Live{{State: overview.Proven}, {State: overview.Down}, {State: overview.Proven}, {State: overview.None}}
	unasked := []inventory.Unasked{*inventory.NotAsked("what runs on master", fault.New(fault.EngineUnavailable, "no"))}
	p := Patrol{
		Look: func(context.Context) ([]overview.Live, []inventory.Unasked) { return live, unasked },
		Send: func(context.Context, notify.Notice) error { return nil }, Status: func(s string) { status = append(status, s) }, Log: slog.New(slog.NewTextHandler(&logger, nil)),
		seen: map[string]overview.State{}, reported: map[string]overview.State{},
	}
	p.round(t.Context())
	p.round(t.Context())
	live, unasked = nil, nil
	p.round(t.Context())
	want := []string{"watching: 2 proven, 1 down, 1 unanswered", "watching: 2 proven, 1 down, 1 unanswered", "watching, no service runs here"}
	if !slices.Equal(status, want) {
		t.Errorf("%q", status)
	}
	if strings.Count(logger.String(), "not all services can be seen") != 1 {
		t.Errorf("the silence is logged more than once:\n%s", logger.String())
	}
}

func TestADriftIsANotice(t *testing.T) {
	t.Parallel()
	commit, err := artifact.ParseCommit("abcdefabcdefabcdefabcdefabcdefabcdefabcd")
	if err != nil {
		t.Fatal(err)
	}
	l := overview.Live{Service: "frontend", Env: artifact.Prod, State: overview.Drifted, Seen: "frontend runs nothing", Proven: &overview.Receipt{Commit: commit}}
	n := notice(l, time.Unix(1e9, 0))
	if n.Event != notify.Drifted || n.Service.String() != "frontend" || n.Env != artifact.Prod || n.Commit != commit ||
		n.Text != "frontend in prod: abcdefabcdef was proven, and is down or replaced: frontend runs nothing" {
		t.Errorf("%+v", n)
	}
}
