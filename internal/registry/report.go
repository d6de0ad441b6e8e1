package registry

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Decision is what a report comes to.
type Decision string

// The decisions (A-18, and two for a host whose registry could not be read).
const (
	Healthy            Decision = "healthy"
	NotInstalled       Decision = "not-installed"
	RuntimeUnavailable Decision = "runtime-unavailable"
	ServiceDegraded    Decision = "service-degraded"
	Drifted            Decision = "drifted"
	HostUnreachable    Decision = "host-unreachable"
	// AgentUnavailable is of a host that answers, but has no agent, or too old an
	// agent.
	AgentUnavailable Decision = "agent-unavailable"
	// Refused is an agent's own no, to the request or to the account, or a failure
	// inside it.
	Refused Decision = "refused"
	// InstallFailed is of an installation that did not end well.
	InstallFailed Decision = "install-failed"
)

// Scope is a part of the registry that is well or not.
type Scope string

// The scopes, from the outside in.
const (
	ScopeHost      Scope = "host" // the way to the host and its agent
	ScopeUnit      Scope = "unit"
	ScopeEngine    Scope = "engine"
	ScopeContainer Scope = "container"
	ScopeListener  Scope = "listener"
	ScopeAPI       Scope = "api"
	ScopeStorage   Scope = "storage"
	ScopeFiles     Scope = "files"
	ScopeImage     Scope = "image"
)

// Check is a condition that must hold.
type Check struct {
	Scope Scope  `json:"scope"`
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Want  string `json:"want"`
	Got   string `json:"got"`
	// Fix is what to do about a check that does not hold.
	Fix string `json:"fix,omitempty"`
}

// Failure is why nothing could be read.
type Failure struct {
	Reason  fault.Reason `json:"reason"`
	Message string       `json:"message"`
	Hint    string       `json:"hint,omitempty"`
	// From is the host whose words message and hint quote.
	From string `json:"from,omitempty"`
}

// Report is what status and health print.
type Report struct {
	// OK is the question's own: see [Report.Status] and [Report.Health].
	OK       bool     `json:"ok"`
	Decision Decision `json:"decision"`
	// Summary is the decision as a sentence.
	Summary string `json:"summary"`
	// Retryable is true if the same question may be answered better soon, without any
	// change.
	Retryable bool `json:"retryable"`
	// Installed is true if the unit or any of the three files is there.
	Installed bool `json:"installed"`
	// RuntimeAPIHealthy is true if the registry's own container runs, listens on
	// loopback only and answers 200: pulls and pushes work, whatever else is wrong.
	RuntimeAPIHealthy bool     `json:"runtimeApiHealthy"`
	HealthyScopes     []Scope  `json:"healthyScopes"`
	FailedScopes      []Scope  `json:"failedScopes"`
	Checks            []Check  `json:"checks"`
	Warnings          []string `json:"warnings"`
	// DoesNotImply names the neighbours that this report does not judge.
	DoesNotImply []string `json:"doesNotImply"`
	Endpoint     string   `json:"endpoint"`
	Unit         string   `json:"unit"`
	// Failure is nil if the registry was read.
	Failure *Failure `json:"failure,omitempty"`
	// Hints are what else could be learned if it was not read, a line each.
	Hints []string `json:"hints,omitempty"`
	// Next is the act that repairs what was seen, "" when there is nothing to do. After
	// an installation that goes on by itself it is the command that shows its end.
	Next string `json:"next,omitempty"`
}

// Worded returns the report with its texts as text makes them: with lines to type in
// the place of the marks of actions.
func (r Report) Worded(text func(string) string) Report {
	r.Summary, r.Next = text(r.Summary), text(r.Next)
	r.Warnings, r.Checks = slices.Clone(r.Warnings), slices.Clone(r.Checks)
	for i := range r.Warnings {
		r.Warnings[i] = text(r.Warnings[i])
	}
	for i := range r.Checks {
		r.Checks[i].Fix = text(r.Checks[i].Fix)
	}
	return r
}

// Status returns the report for the question whether the registry could be read.
func (r Report) Status() Report {
	r.OK = r.Failure == nil
	return r
}

// Health returns the report for the question whether all is as it should be.
func (r Report) Health() Report {
	r.OK = r.Decision == Healthy
	return r
}

// neighbours are what a sick registry does not make sick (specification, "status
// and health").
func neighbours() []string {
	return []string{"provider heartbeat", "Host SSH", "k3sctl-adapter", "Code Queue scheduler", "business APIs"}
}

// Unreachable is the report of a registry that could not be read.
func Unreachable(s Settings, why fault.Report) Report {
	r := newReport(s)
	r.Failure = &Failure{Reason: why.Reason, Message: why.Message, Hint: why.Hint, From: why.From}
	r.Retryable = why.Retry
	var fix string // of a failure without a hint
	switch r.Failure.Reason {
	case fault.HostUnreachable, fault.HostKeyMismatch, fault.Stalled:
		r.Decision, r.Summary = HostUnreachable, "the host was not reached: of its registry nothing is known"
		fix = "see that the host is up and that controller.yaml (hosts) leads to it; on the host: systemctl status unidesk-agent.socket"
	case fault.NotAnAgent, fault.CapabilityMissing:
		r.Decision, r.Summary = AgentUnavailable, withoutAgent
		fix = "install unidesk-agent on the host, in this controller's version"
	case fault.RoleMissing:
		r.Decision, r.Summary = Refused, "the host's agent is there, and this account's role on it does not go so far"
		fix = "on the host, as root: give this account its role in /etc/unidesk/agent.yaml, then systemctl restart unidesk-agent"
	default:
		r.Decision, r.Summary = Refused, "the host's agent did not tell of its registry"
		fix = "on the host, as root: journalctl -u unidesk-agent -n 50"
		if r.Failure.Reason == fault.Interrupted {
			fix = "run the same command again"
		}
	}
	r.Next = cmp.Or(r.Failure.Hint, fix)
	r.add(Check{Scope: ScopeHost, Name: "registry-readable", Want: "an answer of the host's agent", Got: string(r.Failure.Reason), Fix: r.Next})
	return r
}

// WithoutAgent returns the report of a host that turned out to be reached, by
// another way than its agent.
func (r Report) WithoutAgent() Report {
	r.Decision, r.Summary = AgentUnavailable, withoutAgent
	return r
}

// FailedInstall returns the report as that of an installation which the agent gave up
// or of which no more was heard. begun is true if a step was heard of: the agent is
// there then, and goes on by itself if the way to it broke.
func (r Report) FailedInstall(begun bool) Report {
	const goesOn = "no more was heard of the installation, which goes on by itself"
	switch {
	case begun && r.Failure.Reason == fault.Interrupted:
		r.Decision, r.Summary, r.Next = InstallFailed, goesOn, fault.RegistryStatus.Mark()
	case r.Failure.Reason == fault.RoleMissing: // the registry was not looked at
	case r.Decision == Refused:
		r.Decision, r.Summary = InstallFailed, "the registry is not what is declared; the failure says what was left"
	case begun:
		r.Decision, r.Summary, r.Next = HostUnreachable, goesOn, fault.RegistryStatus.Mark()
	}
	return r
}

const withoutAgent = "the host answers, but no agent that would tell of its registry"

func newReport(s Settings) Report {
	return Report{
		HealthyScopes: []Scope{}, FailedScopes: []Scope{}, Checks: []Check{}, Warnings: []string{},
		DoesNotImply: neighbours(), Endpoint: fmt.Sprintf("http://%s", s.Endpoint), Unit: Unit,
	}
}

// add appends checks; a scope is well when all of its checks hold.
func (r *Report) add(checks ...Check) {
	r.Checks = append(r.Checks, checks...)
	r.HealthyScopes, r.FailedScopes = []Scope{}, []Scope{}
	for _, scope := range []Scope{
		ScopeHost, ScopeUnit, ScopeEngine, ScopeContainer, ScopeListener, ScopeAPI, ScopeStorage, ScopeFiles, ScopeImage,
	} {
		asked, failed := 0, 0
		for _, c := range r.Checks {
			if c.Scope == scope {
				asked++
				if !c.OK {
					failed++
				}
			}
		}
		switch {
		case failed > 0:
			r.FailedScopes = append(r.FailedScopes, scope)
		case asked > 0:
			r.HealthyScopes = append(r.HealthyScopes, scope)
		}
	}
}

// holds reports whether every check of the name or scope holds.
func (r Report) holds(names ...string) bool {
	for _, c := range r.Checks {
		for _, n := range names {
			if !c.OK && (c.Name == n || string(c.Scope) == n) {
				return false
			}
		}
	}
	return true
}
