package site

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

func TestLogsAreOfTheServicesOwnContainerFirst(t *testing.T) {
	t.Parallel()
	spec := workload.Spec{Ref: workloadtest.Ref("unidesk", "frontend"), Compose: &workload.ComposeSpec{ContainerName: "frontend"}}
	own, left := workload.Instance{ID: "1", Name: "frontend", Current: true}, workload.Instance{ID: "2", Name: "0123456789ab_frontend"}
	if in, err := speaking(spec, workload.Observation{Instances: []workload.Instance{left, own}}); err != nil || in.ID != "1" {
		t.Errorf("%v %v", in, err)
	}
	if in, err := speaking(spec, workload.Observation{Instances: []workload.Instance{left}}); err != nil || in.ID != "2" {
		t.Errorf("%v %v", in, err)
	}
	if _, err := speaking(spec, workload.Observation{}); fault.ReasonOf(err) != fault.WorkloadNotFound || !strings.Contains(err.Error(), "no container of frontend:") {
		t.Errorf("%v", err)
	}
}

// speech is a host that reports what an instance printed, and no more.
type speech struct {
	workload.Target
	// ids are the instances of each look, the last of them for ever; "" is none.
	ids     []string
	printed func(id string, after time.Time) (workload.Output, error)
}

func (s *speech) Observe(context.Context, workload.Ref, bool) (workload.Observation, error) {
	id := s.ids[0]
	if len(s.ids) > 1 {
		s.ids = s.ids[1:]
	}
	if id == "" {
		return workload.Observation{}, nil
	}
	return workload.Observation{Instances: []workload.Instance{{ID: id, Name: id, Current: true}}}, nil
}

func (s *speech) Logs(_ context.Context, _ workload.Ref, id string, tail workload.Tail) (workload.Output, error) {
	return s.printed(id, tail.After)
}

// An instance prints a line each second. After seven another takes its place, and for a
// while there is none: each line is passed on once.
func TestAnOutputIsFollowedFromOneInstanceToTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		enough := errors.New("enough")
		began := time.Now()
		switched := began.Add(7500 * time.Millisecond)
		at := Place{Spec: workload.Spec{Ref: workloadtest.Ref("unidesk", "frontend"), Compose: &workload.ComposeSpec{}}, Host: "d601"}
		at.Target = &speech{
			ids: []string{"one", "one", "", "", "two"},
			printed: func(id string, after time.Time) (out workload.Output, err error) {
				now := time.Now()
				if id == "one" && now.After(switched) {
					return out, fault.New(fault.WorkloadNotFound, "it is gone")
				}
				for n := range 20 {
					line := began.Add(time.Duration(n) * time.Second)
					if line.After(after) && !line.After(now) && line.After(switched) == (id == "two") {
						out.Lines = append(out.Lines, line.Sub(began).String())
					}
				}
				out.Until = now
				return out, nil
			},
		}
		in, out, err := at.Logs(t.Context(), workload.Tail{Lines: 10})
		if err != nil || in.ID != "one" || !slices.Equal(out.Lines, []string{"0s"}) {
			t.Fatalf("%v, %v, %v", in, out, err)
		}
		var all []string
		err = at.Follow(t.Context(), in, out, func(in workload.Instance, lines []string) error {
			for _, l := range lines {
				all = append(all, in.ID+" "+l)
			}
			if len(all) >= 12 {
				return enough
			}
			return nil
		})
		want := []string{"one 1s", "one 2s", "one 3s", "one 4s", "one 5s", "one 6s", "one 7s", "two 8s", "two 9s", "two 10s", "two 11s", "two 12s"}
		if !errors.Is(err, enough) || !slices.Equal(all[:min(len(all), len(want))], want) {
			t.Errorf("%v, %q", err, all)
		}
	})
}

// An instance that speaks again goes on where it was left.
func TestAnInstanceThatComesBackIsContinued(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		enough := errors.New("enough")
		began := time.Now()
		at := Place{Spec: workload.Spec{Ref: workloadtest.Ref("unidesk", "frontend"), Compose: &workload.ComposeSpec{}}, Host: "d601"}
		at.Target = &speech{
			ids: []string{"one", "two", "one"},
			printed: func(id string, after time.Time) (out workload.Output, err error) {
				if began.After(after) { // each printed a line at its start
					out.Lines = []string{id}
				}
				out.Until = time.Now()
				return out, nil
			},
		}
		in, out, err := at.Logs(t.Context(), workload.Tail{Lines: 10, After: workload.Always()})
		if err != nil {
			t.Fatal(err)
		}
		all, asked := out.Lines, 0
		err = at.Follow(t.Context(), in, out, func(_ workload.Instance, lines []string) error {
			if all, asked = append(all, lines...), asked+1; asked == 20 {
				return enough
			}
			return nil
		})
		if want := []string{"one", "two"}; !errors.Is(err, enough) || !slices.Equal(all, want) {
			t.Errorf("%v, %q, want %q", err, all, want)
		}
	})
}

func TestAFollowEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ready := func(string, time.Time) (workload.Output, error) { return workload.Output{Until: time.Now()}, nil }
		gone := func(string, time.Time) (workload.Output, error) {
			return workload.Output{}, fault.New(fault.WorkloadNotFound, "it is gone")
		}
		at := Place{Spec: workload.Spec{Ref: workloadtest.Ref("unidesk", "frontend"), Compose: &workload.ComposeSpec{}}, Host: "d601"}
		follow := func(ctx context.Context, host *speech, until time.Time) error {
			at.Target = host
			return at.Follow(ctx, workload.Instance{ID: "one"}, workload.Output{Until: until}, func(workload.Instance, []string) error { return nil })
		}
		at.Target = &speech{ids: []string{"one"}, printed: func(string, time.Time) (workload.Output, error) { return workload.Output{}, nil }}
		if _, _, err := at.Logs(t.Context(), workload.Tail{Lines: 1, After: workload.Always()}); fault.ReasonOf(err) != fault.CapabilityMissing || fault.HintOf(err) == "" {
			t.Errorf("an older host: %v", err)
		}
		if _, _, err := at.Logs(t.Context(), workload.Tail{Lines: 1}); err != nil {
			t.Errorf("an older host, of no time: %v", err)
		}
		began := time.Now()
		if err := follow(t.Context(), &speech{ids: []string{""}, printed: gone}, began); fault.ReasonOf(err) != fault.WorkloadNotFound || time.Since(began) < followGone {
			t.Errorf("without an instance: %v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := follow(ctx, &speech{ids: []string{"one"}, printed: ready}, began); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("until it is stopped: %v", err)
		}
	})
}
