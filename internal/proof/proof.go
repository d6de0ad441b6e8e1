// Package proof judges, from facts alone, whether what runs is what was asked
// for. It is pure: an observation and a wish go in, findings come out.
//
// A health payload may only echo the environment that the deploy wrote, so it is
// a check and not the proof. The proof is the chain from the container to its
// image to the config digest that the manifest of the asked commit names.
package proof

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Kind says how much a finding's source knows by itself.
type Kind string

// The kinds of evidence.
const (
	// Digest evidence follows content digests and cannot be echoed.
	Digest Kind = "digest"
	// Built evidence was put into the image when it was built.
	Built Kind = "built"
	// Stamped evidence is what the deploy wrote itself: it shows that the
	// container was made from this deploy, not what is in it.
	Stamped Kind = "stamped"
	// State is that something runs and answers.
	State Kind = "state"
)

// Finding is one comparison.
type Finding struct {
	Check string `json:"check"`
	Kind  Kind   `json:"kind"`
	Want  string `json:"want"`
	Got   string `json:"got"`
	OK    bool   `json:"ok"`
	// Degrades says that the service is kept though this one fails (see Wanted.FlagsBefore).
	Degrades bool `json:"degrades,omitempty"`
}

// Wanted is what should run.
type Wanted struct {
	Spec   workload.Spec
	Image  artifact.Pinned
	Labels map[string]string
	// Composed says that the health answer knows no commit: the metadata that the
	// deploy wrote into the container stands in for it.
	Composed bool
	// FlagsBefore are the health flags as they were before the change. One that
	// was true then must be true now; one that was not only degrades.
	FlagsBefore map[string]bool
}

// Verdict is what the findings of one observation come to.
type Verdict struct {
	Status   Status
	Findings []Finding
	// Instance is the container that was judged; nil when there is none.
	Instance *workload.Instance
}

// Status is what the findings add up to.
type Status string

// The statuses.
const (
	// Proven: every check holds.
	Proven Status = "proven"
	// Degraded: it is the asked version, but flags that were false before still are.
	Degraded Status = "degraded"
	// Wrong: what runs is something else, and waiting cannot change that.
	Wrong Status = "wrong"
	// Waiting: nothing is wrong yet, and not everything is there.
	Waiting Status = "waiting"
)

// healthAnswer is the check of the answer as such, whatever it says.
const healthAnswer = "health answer"

// Failed returns the findings that do not hold.
func (v Verdict) Failed() (failed []Finding) {
	for _, f := range v.Findings {
		if !f.OK {
			failed = append(failed, f)
		}
	}
	return failed
}

// Reason is the first finding that does not hold, as a clause; "" when all do.
func (v Verdict) Reason() string {
	failed := v.Failed()
	if len(failed) == 0 {
		return ""
	}
	f := failed[0]
	if f.Check == healthAnswer {
		if _, err := strconv.Atoi(f.Got); err != nil { // no answer but why there is none
			return "it does not answer for its health: " + f.Got
		}
	}
	return fmt.Sprintf("%s is %s, want %s", f.Check, cmp.Or(f.Got, "missing"), f.Want)
}

// Judge compares what was observed with what is wanted.
func Judge(want Wanted, seen workload.Observation) Verdict {
	in := seen.Current()
	if in == nil {
		return Verdict{Status: Waiting, Findings: []Finding{{Check: "container", Kind: State, Want: want.Spec.Display(), Got: ""}}}
	}
	v := Verdict{Instance: in}
	add := func(check string, kind Kind, want, got string) bool {
		v.Findings = append(v.Findings, Finding{Check: check, Kind: kind, Want: want, Got: got, OK: want == got})
		return want == got
	}
	right := true
	config := in.Config
	if in.Is(want.Image) {
		config = want.Image.Config // whether the store reports it or the manifest's digest stands for it
	}
	right = add("image config digest", Digest, want.Image.Config.String(), config.String()) && right
	for _, name := range []string{artifact.LabelRevision, artifact.LabelSource, artifact.LabelService} {
		right = add("label "+name, Built, want.Labels[name], in.Labels[name]) && right
	}
	right = add("env "+workload.KeyCommit, Stamped, want.Image.Commit.String(), in.Stamped[workload.KeyCommit]) && right
	right = add("env "+workload.KeyRequestedCommit, Stamped, want.Image.Commit.String(), in.Stamped[workload.KeyRequestedCommit]) && right
	right = add("env "+workload.KeyDigest, Stamped, want.Image.Manifest.String(), in.Stamped[workload.KeyDigest]) && right
	if !right {
		v.Status = Wrong
		return v
	}
	if !add("running", State, "true", strconv.FormatBool(in.Running)) {
		v.Status = Waiting
		return v
	}
	v.Status = judgeHealth(want, in, &v.Findings)
	return v
}

// judgeHealth compares the health answer of a container that is the right one.
func judgeHealth(want Wanted, in *workload.Instance, findings *[]Finding) Status {
	add := func(f Finding) bool {
		*findings = append(*findings, f)
		return f.OK
	}
	h := in.Health
	if h == nil {
		h = &workload.Health{Error: "not asked"}
	}
	answer := h.Error
	if answer == "" {
		answer = strconv.Itoa(h.Status)
		if h.Status == 200 && !h.OK {
			answer = "200 with ok=false"
		}
	}
	if !add(Finding{Check: healthAnswer, Kind: State, Want: "200", Got: answer, OK: answer == "200"}) {
		return Waiting
	}
	commit, requested, kind := h.Commit, h.RequestedCommit, Built
	if want.Composed {
		commit, requested, kind = in.Stamped[workload.KeyCommit], in.Stamped[workload.KeyRequestedCommit], Stamped
	}
	status := Proven
	if !add(equal("health deploy.commit", kind, want.Image.Commit.String(), commit)) {
		status = Wrong
	}
	if !add(equal("health deploy.requestedCommit", Stamped, want.Image.Commit.String(), requested)) {
		status = Wrong
	}
	for _, flag := range want.Spec.Probe.Flags {
		value, there := h.Flags[flag]
		got := strconv.FormatBool(value)
		if !there {
			got = ""
		}
		was := want.FlagsBefore[flag]
		f := Finding{Check: "health " + flag, Kind: State, Want: "true", Got: got, OK: value, Degrades: !value && !was}
		if add(f) {
			continue
		}
		if was {
			status = Wrong
		} else if status == Proven {
			status = Degraded
		}
	}
	return status
}

func equal(check string, kind Kind, want, got string) Finding {
	return Finding{Check: check, Kind: kind, Want: want, Got: got, OK: want == got}
}
