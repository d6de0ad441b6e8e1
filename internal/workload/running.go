package workload

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// All code that names the version that runs uses this file: it goes by the image, and not
// by the environment, which any container can be given.

// CrashLoop is how many restarts make a crash loop.
const CrashLoop = 3

// Commit returns the commit that all current instances run; "" if none runs, if any does not
// run or keeps restarting, if an image names no commit, or if they differ.
func (o Observation) Commit() (commit string) {
	for i, in := range o.Present() {
		if !in.Running || o.loops(in) || i > 0 && in.Commit != commit {
			return ""
		}
		commit = in.Commit
	}
	return commit
}

// AsStamped reports whether no current instance names another commit in its environment
// than its image does.
func (o Observation) AsStamped() bool {
	return !slices.ContainsFunc(o.Present(), func(in Instance) bool { return in.Stamped[KeyCommit] != "" && in.Stamped[KeyCommit] != in.Commit })
}

// Describe returns, for people, what the instances of the workload run. A copy that ended,
// or that keeps ending, does not run.
func (s Spec) Describe(seen Observation) string {
	if s.Kubernetes != nil {
		return s.describePods(seen)
	}
	in := seen.Current()
	if in == nil {
		return s.Display() + ": no container"
	}
	return fmt.Sprintf("%s %s (container %s, image %s)", in.Name, seen.state(*in), ShortID(in.ID), ShortID(in.ImageID))
}

// describePods describes each Deployment by a pod of its newest revision, and by a pod
// of an older revision as long as none of the newest runs.
func (s Spec) describePods(seen Observation) string {
	var words []string
	for _, d := range s.Kubernetes.Deployments {
		pod := func(current, running bool) *Instance {
			i := slices.IndexFunc(seen.Instances, func(in Instance) bool { return in.Unit == d.Name && in.Current == current && in.Running == running })
			if i < 0 {
				return nil
			}
			return &seen.Instances[i]
		}
		describe := func(in Instance) string {
			if in.ImageID == "" {
				return seen.state(in)
			}
			return seen.state(in) + " (image " + ShortID(in.ImageID) + ")"
		}
		var runs []string
		if newest := cmp.Or(pod(true, true), pod(true, false)); newest != nil {
			runs = append(runs, describe(*newest))
		}
		if old := pod(false, true); old != nil && pod(true, true) == nil {
			runs = append(runs, "still "+describe(*old))
		}
		if runs == nil {
			runs = []string{"no pod"}
		}
		words = append(words, s.Ref.Scope()+"/"+d.Name+" "+strings.Join(runs, ", and "))
	}
	return strings.Join(words, "; ")
}

// state describes an instance, after its name.
func (o Observation) state(in Instance) string {
	switch {
	case in.Running && o.loops(in):
		return fmt.Sprintf("keeps restarting (%d restarts, the last at %s), with %s", in.Restarts, plain.Clock(in.Started), in.Version())
	case in.Running && in.Trouble != "":
		return "runs " + in.Version() + ", but " + in.Trouble
	case in.Running:
		return "runs " + in.Version()
	case in.Trouble == "" && in.Started.IsZero():
		return "is about to run " + in.Version()
	}
	return fmt.Sprintf("does not run %s: %s", in.Version(), cmp.Or(in.Trouble, fmt.Sprintf("exit code %d", in.ExitCode)))
}

// loops reports whether a copy that runs at this moment keeps ending.
func (o Observation) loops(in Instance) bool {
	return in.Restarts >= CrashLoop && o.At.Sub(in.Started) < Restless
}

// Version is the commit of its image, for people, and the commit of the environment if that
// is another. An image that is not there yet has its name only.
func (i Instance) Version() string {
	version, says := i.Commit, i.Stamped[KeyCommit]
	switch {
	case i.ImageID == "" && i.Image != "":
		return i.Image
	case version == "":
		version = "an image that names no commit"
	case version == says:
		return version
	}
	if says == "" {
		return version
	}
	return version + " (its environment says " + says + ")"
}
