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
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
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
		"down not-asked down down+",
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
			p.Look = func(context.Context) overview.Status {
				return overview.Status{Services: []overview.Live{{Service: "frontend", Env: artifact.Prod, State: overview.State(state)}}}
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
		Look: func(context.Context) overview.Status { return overview.Status{Services: live, Unasked: unasked} },
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
	l := overview.Live{Service: "frontend", Env: artifact.Prod, State: overview.Drifted, Running: workload.NotKnown("master", "frontend runs nothing"), Proven: &ledger.Brief{Commit: commit}}
	n := notice(l, time.Unix(1e9, 0))
	if n.Event != notify.Drifted || n.Service.String() != "frontend" || n.Env != artifact.Prod || n.Commit != commit ||
		n.Text != "frontend in prod: abcdefabcdef was proven, and is down or replaced: frontend runs nothing" {
		t.Errorf("%+v", n)
	}
}

// A look that a run asks for is shown, and is none of the two in a row that report a drift.
func TestALookInBetweenReportsNothing(t *testing.T) {
	t.Parallel()
	again, seen := make(chan struct{}), make(chan overview.Status, 10)
	p := Patrol{
		Look: func(context.Context) overview.Status {
			return overview.Status{Services: []overview.Live{{Service: "frontend", Env: artifact.Prod, State: overview.Down}}}
		},
		Send: func(context.Context, notify.Notice) error { t.Error("it is reported"); return nil }, Status: func(string) {},
		Seen: func(s overview.Status) { seen <- s }, Again: again, Log: slog.New(slog.DiscardHandler),
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Run(ctx)
	}()
	<-seen
	for range 2 {
		again <- struct{}{}
		if s := <-seen; len(s.Services) != 1 {
			t.Errorf("%+v", s)
		}
	}
	cancel()
	<-done
}

func TestTheRegistryAndAnInterruptedDeployAreLoggedOnce(t *testing.T) {
	t.Parallel()
	var logger bytes.Buffer
	var s overview.Status
	p := Patrol{Look: func(context.Context) overview.Status { return s }, Status: func(string) {}, Log: slog.New(slog.NewTextHandler(&logger, nil))}
	healthy := &overview.Registry{Host: "D601", OK: true, Decision: "healthy"}
	sick := &overview.Registry{Host: "D601", Decision: "unhealthy"}
	left := overview.Interrupted{Service: "frontend", Env: artifact.Prod, Holder: "alice"}
	moved := left
	moved.Deadline = time.Unix(1, 0) // by the clock of its host, which is never quite the same
	for i, c := range []struct {
		registry *overview.Registry
		left     []overview.Interrupted
		want     string
	}{
		{healthy, nil, ""},
		{sick, []overview.Interrupted{left}, "the registry is not as it should be, a deploy was interrupted"},
		{nil, []overview.Interrupted{moved}, ""},
		{sick, nil, ""},
		{healthy, []overview.Interrupted{left}, "the registry is as it should be again, a deploy was interrupted"},
	} {
		logger.Reset()
		s = overview.Status{Registry: c.registry, Interrupted: c.left}
		p.round(t.Context())
		got := logger.String()
		for _, word := range strings.Split(c.want, ", ") {
			if !strings.Contains(got, word) || c.want == "" && got != "" {
				t.Errorf("look %d: %q, want %q", i+1, got, c.want)
			}
		}
	}
}
