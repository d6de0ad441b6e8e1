package deploy

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// crashLoop is how many restarts of a new container end the wait for its health.
const crashLoop = 3

// prove asks until the answers have been good, and the same, for long enough. It
// fails with NOT_PROVEN once waiting cannot help any more.
func (r *deployment) prove(ctx context.Context, want proof.Wanted) (proof.Verdict, error) {
	r.at = workload.PointProve
	streak := proof.Streak{Stable: r.environment().Stable}
	pause := time.NewTicker(min(time.Second, r.environment().Stable/proof.Enough))
	defer pause.Stop()
	timeout := cmp.Or(r.patience, r.environment().Timeout)
	deadline := time.Now().Add(timeout)
	for {
		seen, err := r.ask(ctx, true, deadline)
		if err == nil {
			err = r.takenBack(seen)
		}
		if err != nil {
			return proof.Verdict{}, err
		}
		verdict := proof.Judge(want, seen)
		final := streak.Add(verdict, time.Now())
		switch {
		case final && (verdict.Status == proof.Proven || verdict.Status == proof.Degraded):
			return verdict, nil
		case final:
			return verdict, notProven(verdict, "and stays so")
		case verdict.Status != proof.Proven && verdict.Status != proof.Degraded && time.Now().After(deadline):
			return verdict, notProven(verdict, "after "+timeout.String())
		case time.Now().After(deadline.Add(2 * r.environment().Stable)):
			return verdict, notProven(verdict, "and its answers keep changing")
		case verdict.Instance != nil && verdict.Instance.Restarts >= crashLoop:
			return verdict, notProven(verdict, fmt.Sprintf("and it was restarted %d times", verdict.Instance.Restarts))
		}
		r.Emit(workload.Event{Point: workload.PointProve, Text: progress(verdict, streak.Count(), streak.Stable, time.Until(deadline))})
		select {
		case <-pause.C:
		case <-ctx.Done():
			return verdict, context.Cause(ctx)
		}
	}
}

// ask observes. While a change waits for its proof or its end, a connection that
// broke is no answer: it is asked again, until the wait is over.
func (r *deployment) ask(ctx context.Context, probe bool, until time.Time) (workload.Observation, error) {
	for {
		seen, err := r.host.Observe(ctx, r.spec, probe)
		if !cut(err) || !r.result.Mutated || time.Now().After(until) {
			return seen, err
		}
		r.Emit(workload.Event{Point: r.at, Text: "waiting: " + err.Error()})
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return seen, context.Cause(ctx)
		}
	}
}

// progress tells of a proof under way. What is waited for is told anew every ten
// seconds, with the time that is left.
func progress(v proof.Verdict, count int, stable, left time.Duration) string {
	if reason := v.Reason(); reason != "" {
		const step = 10 * time.Second
		return fmt.Sprintf("waiting: %s; given up in %s", reason, max(left+step-1, 0).Truncate(step))
	}
	answers := "equal answers"
	if count == 1 {
		answers = "answer"
	}
	return fmt.Sprintf("%s so far: %d %s; they must stay equal for %s", v.Status, count, answers, stable)
}

func notProven(v proof.Verdict, how string) error {
	reason := v.Reason()
	if reason == "" {
		reason = "it is " + string(v.Status)
	}
	return fault.New(fault.NotProven, "%s, %s", reason, how)
}

// witnesses says, for people, what the proof stands on.
func (r *deployment) witnesses() []string {
	w := []string{
		"real: container, image, config digest, manifest digest of the commit's tag",
		"real: the image's labels, which the config digest covers",
	}
	if r.wanted.Composed {
		return append(w, "an echo: the container's environment, and the health answer's commit that is composed from it")
	}
	return append(w,
		"real: the commit that the service itself answers with",
		"an echo: the container's environment, and the health answer's requestedCommit")
}

// describe says what runs.
func describe(spec workload.Spec, seen workload.Observation) string {
	if seen.At.IsZero() {
		return "not known: its host's engine or project could not be read"
	}
	return describeInstance(spec, proof.Current(spec, seen))
}

func describeInstance(spec workload.Spec, in *workload.Instance) string {
	switch {
	case in == nil:
		return spec.Container + ": no container"
	case !in.Running:
		return fmt.Sprintf("%s is stopped (exit code %d, container %s)", in.Name, in.ExitCode, workload.ShortID(in.ID))
	}
	version := "a version that no deploy stamped"
	if commit := in.Env[workload.KeyCommit]; commit != "" {
		version = commit
	}
	return fmt.Sprintf("%s runs %s (container %s, image %s)", in.Name, version, workload.ShortID(in.ID), workload.ShortID(in.ImageID))
}

// lookAgain refreshes what was seen, for the last word of a result; a failure
// leaves what is known.
func (r *deployment) lookAgain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	asked := time.Now()
	if seen, err := r.host.Observe(ctx, r.spec, false); err == nil {
		r.seen, r.looked = seen, asked
	}
}
