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
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Kind is the kind of a finding's evidence: how independent of the deploy its source is.
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
	// State evidence is that something runs and answers.
	State Kind = "state"
)

// Finding is a comparison.
type Finding struct {
	Check string `json:"check"`
	Kind  Kind   `json:"kind"`
	Want  string `json:"want"`
	Got   string `json:"got"`
	OK    bool   `json:"ok"`
	// Degrades is true if the service is kept though this finding fails (see Wanted.FlagsBefore).
	Degrades bool `json:"degrades,omitempty"`
}

// Wanted is what should run.
type Wanted struct {
	Spec   workload.Spec
	Image  artifact.Pinned
	Labels map[string]string
	// Stamps are the deploy keys that must be where it runs, without prefix; those that
	// name the version must be there in any case.
	Stamps map[string]string
	// Composed is true if the health answer knows no commit: the metadata that the
	// deploy wrote into the container stands in for it.
	Composed bool
	// FlagsBefore are the health flags as they were before the change, by
	// [workload.FlagOf]. A flag that was true then must be true now; a flag that was not
	// true only degrades.
	FlagsBefore map[string]bool
}

// Verdict is the judgement on an observation, with its findings.
type Verdict struct {
	Status   Status
	Findings []Finding
	// Instances are the copies that were judged: a single copy of Compose, each current
	// copy of Kubernetes; none if none exists.
	Instances []workload.Instance
	// OnlyFlags means that health flags alone keep it from being proven: they may become true
	// yet.
	OnlyFlags bool
}

// Copies are the identities of the judged instances.
func (v Verdict) Copies() (copies []workload.Copy) {
	for _, in := range v.Instances {
		copies = append(copies, in.Copy())
	}
	return copies
}

// Restarts is how often the instance that was restarted most was restarted.
func (v Verdict) Restarts() (most int) {
	for _, in := range v.Instances {
		most = max(most, in.Restarts)
	}
	return most
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

// healthAnswer ends the name of the check that there was an answer, good or bad.
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
	if strings.HasSuffix(f.Check, healthAnswer) {
		if _, err := strconv.Atoi(f.Got); err != nil { // no answer but why there is none
			return "it does not answer for its health: " + f.Got
		}
	}
	return fmt.Sprintf("%s is %s, want %s", f.Check, cmp.Or(f.Got, "missing"), f.Want)
}

// Judge compares what was observed with what is wanted.
func Judge(want Wanted, seen workload.Observation) Verdict {
	if want.Spec.Kubernetes != nil {
		return judgeDeployments(want, seen)
	}
	in := seen.Current()
	if in == nil {
		return Verdict{Status: Waiting, Findings: []Finding{{Check: "container", Kind: State, Want: want.Spec.Display(), Got: ""}}}
	}
	j := judge{want: want}
	v := Verdict{Instances: []workload.Instance{*in}}
	switch {
	case !j.identity(v.Instances):
		v.Status = Wrong
	case !j.add(equal("running", State, "true", strconv.FormatBool(in.Running))):
		v.Status = Waiting
	case in.Healthcheck != "" && !j.add(equal("docker healthcheck", State, "healthy", in.Healthcheck)):
		v.Status = Waiting // the engine goes on asking, so that it may become well
	default:
		v.Status = j.health(in.Health, in.Stamped, want.Spec.Probe.Flags)
	}
	v.Findings, v.OnlyFlags = j.findings, j.onlyFlags
	return v
}

// judge collects the findings of a unit.
type judge struct {
	want Wanted
	// unit is the Deployment's name, "" in Compose; of begins the name of each check if the
	// workload has several units.
	unit, of  string
	findings  []Finding
	onlyFlags bool
}

func (j *judge) add(f Finding) bool {
	f.Check = j.of + f.Check
	j.findings = append(j.findings, f)
	return f.OK
}

// identity compares what the instances are with what is wanted. Of several instances a
// finding shows the first that differs.
func (j *judge) identity(instances []workload.Instance) bool {
	right := true
	all := func(check string, kind Kind, want string, of func(workload.Instance) string) {
		got := of(instances[0])
		for _, in := range instances {
			if one := of(in); one != want {
				got = one
				break
			}
		}
		right = j.add(equal(check, kind, want, got)) && right
	}
	image := j.want.Image
	all("image config digest", Digest, image.Config.String(), func(in workload.Instance) string {
		if in.Is(image) {
			return image.Config.String() // whether the store reports it or the manifest's digest stands for it
		}
		return in.Config.String()
	})
	right = j.mounts(instances) && right
	for _, name := range sortedKeys(j.want.Labels) {
		all("label "+name, Built, j.want.Labels[name], func(in workload.Instance) string { return in.Labels[name] })
	}
	for _, s := range stamps(j.want) {
		all("env "+s.key, Stamped, s.want, func(in workload.Instance) string { return in.Stamped[s.key] })
	}
	if !slices.ContainsFunc(instances, func(in workload.Instance) bool { return in.Labelled == nil }) { // else its host does not report them
		for _, s := range stamps(j.want) {
			all("container label "+s.key, Stamped, s.want, func(in workload.Instance) string { return in.Labelled[s.key] })
		}
	}
	return right
}

type stamp struct{ key, want string }

// stamps are the deploy keys that are compared: all that are known, and those that name
// the version.
func stamps(want Wanted) (list []stamp) {
	named := map[string]string{
		workload.KeyCommit:          want.Image.Commit.String(),
		workload.KeyRequestedCommit: want.Image.Commit.String(),
		workload.KeyDigest:          want.Image.Manifest.String(),
	}
	for _, key := range workload.Keys() {
		value, known := want.Stamps[key]
		if version, names := named[key]; names {
			value, known = version, true
		}
		if known {
			list = append(list, stamp{key, value})
		}
	}
	return list
}

// health compares a health answer of the right version, whose deploy keys are stamped.
func (j *judge) health(h *workload.Health, stamped map[string]string, flags []string) Status {
	want, add := j.want, j.add
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
	if want.Composed && !contradicts(h.Commit, want.Image.Commit) && !contradicts(h.RequestedCommit, want.Image.Commit) {
		commit, requested, kind = stamped[workload.KeyCommit], stamped[workload.KeyRequestedCommit], Stamped
	}
	status, flagged := Proven, false
	if !add(equal("health deploy.commit", kind, want.Image.Commit.String(), commit)) {
		status = Wrong
	}
	if !add(equal("health deploy.requestedCommit", Stamped, want.Image.Commit.String(), requested)) {
		status = Wrong
	}
	for _, flag := range flags {
		value, there := h.Flags[flag]
		got := strconv.FormatBool(value)
		if !there {
			got = ""
		}
		was := want.FlagsBefore[workload.FlagOf(j.unit, flag)]
		f := Finding{Check: "health " + flag, Kind: State, Want: "true", Got: got, OK: value, Degrades: !value && !was}
		if add(f) {
			continue
		}
		flagged = flagged || status == Proven
		if was {
			status = Wrong
		} else if status == Proven {
			status = Degraded
		}
	}
	j.onlyFlags = flagged
	return status
}

var commitForm = regexp.MustCompile(`^[0-9a-f]{7,40}$`)

// contradicts reports whether a health answer that need not know its commit names
// another, in short or in full.
func contradicts(answer string, commit artifact.Commit) bool {
	return commitForm.MatchString(answer) && !strings.HasPrefix(commit.String(), answer)
}

func equal(check string, kind Kind, want, got string) Finding {
	return Finding{Check: check, Kind: kind, Want: want, Got: got, OK: want == got}
}
