package registry

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// strictLoopback is the first engine that keeps a port published on loopback from
// the host's own network segment.
const strictLoopback = 28

// Judge judges the facts by the settings.
func Judge(want Settings, f Facts) Report {
	r := newReport(want)
	r.add(Check{Scope: ScopeHost, Name: "registry-readable", OK: true, Want: "an answer of the host's agent", Got: "an answer"})
	r.add(unitChecks(f)...)
	r.add(engineCheck(f), containerCheck(f), listenerCheck(want, f), apiCheck(want, f), storageCheck(want, f))
	r.add(fileChecks(want, f)...)
	r.add(imageCheck(want, f))
	r.warn(want, f)

	r.Installed = f.installed()
	r.RuntimeAPIHealthy = r.holds(string(ScopeContainer), string(ScopeListener), string(ScopeAPI))
	r.Decision, r.Summary = r.decide(want, f)
	switch r.Decision {
	case NotInstalled:
		r.Next = fault.RegistryInstall.Mark()
	case Drifted:
		r.Next = fault.RegistryRender.Mark()
	case RuntimeUnavailable, ServiceDegraded:
		r.Next = r.firstFix()
	}
	if r.Decision != Healthy && r.Decision != NotInstalled {
		// A paused container does not answer in time either, for as long as it is paused.
		slow := f.API.TimedOut && f.Container != nil && f.Container.State == "running"
		// The unit tries again by itself, which mends no file.
		coming := f.Unit != nil && f.Unit.Active == "activating" && r.holds(string(ScopeFiles))
		r.Retryable = slow || coming
		if !r.holds(string(ScopeFiles)) {
			r.Summary += ". A file is not what is declared: decide whether to bring it back (a controlled upgrade: " + fault.RegistryInstall.Mark() +
				", which keeps a copy) or to find out first who changed it (drift; " + fault.RegistryRender.Mark() + " prints what is declared)"
		}
	}
	return r
}

// firstFix is the remedy to begin with: what the others stand on comes first, and a
// lost storage before a start that would only find it empty.
func (r Report) firstFix() string {
	for _, scope := range []Scope{ScopeEngine, ScopeStorage, ScopeListener, ScopeUnit, ScopeContainer, ScopeImage, ScopeAPI, ScopeFiles} {
		for _, c := range r.Checks {
			if c.Scope == scope && !c.OK {
				return c.Fix
			}
		}
	}
	return ""
}

func (r Report) decide(want Settings, f Facts) (Decision, string) {
	switch {
	case f.nothing():
		return NotInstalled, f.unfound()
	case f.API.stranger():
		return RuntimeUnavailable, "what answers at " + want.Endpoint.String() + " is no registry"
	case f.API.Status != statusOK:
		return RuntimeUnavailable, "the registry's API does not answer as it should"
	case f.Engine == nil && f.Container == nil:
		// Honest both ways: something serves, and it is unknown whether it is ours.
		return ServiceDegraded, "the API answers, but without the engine its container is unknown"
	case f.Container == nil || f.Container.State != "running":
		return RuntimeUnavailable, "the registry's container does not run; what answers at the endpoint is something else"
	case !covers(f.Container.Published, want.Endpoint):
		return RuntimeUnavailable, "the registry's container does not serve the endpoint; what answers there is something else"
	case !r.holds(string(ScopeUnit), string(ScopeEngine), string(ScopeListener), string(ScopeStorage), string(ScopeImage), hashCheck(UnitFile)):
		if r.RuntimeAPIHealthy {
			return ServiceDegraded, "the registry serves; how it is kept running is not as it should be"
		}
		if f.Lacks(PartListeners) {
			return ServiceDegraded, "the registry answers; at which addresses its port listens could not be read"
		}
		return ServiceDegraded, "the registry answers, but not at its endpoint alone, or not alone on its port"
	case !r.holds(string(ScopeFiles)):
		return Drifted, "the registry serves and its unit is as declared"
	default:
		return Healthy, "the registry runs as declared"
	}
}

// nothing reports whether no unit, no file and no container was found.
func (f Facts) nothing() bool { return !f.installed() && f.Container == nil }

// noUnit reports whether systemd has no unit, or nothing was found that a unit belongs to.
func (f Facts) noUnit() bool { return f.nothing() || f.Unit != nil && f.Unit.Load == "not-found" }

// unfound returns what is not there, and what could not be looked for.
func (f Facts) unfound() string {
	s := "no unit, no file and no container of the registry is on the host"
	switch {
	case f.Unit == nil && f.Engine == nil:
		s = "no file of the registry is on the host; of a unit and a container nothing is known: neither systemd nor the engine answered"
	case f.Unit == nil:
		s = "no file and no container of the registry is on the host; of a unit nothing is known: systemd did not answer"
	case f.Engine == nil:
		s = "no unit and no file of the registry is on the host; of a container nothing is known: the engine did not answer"
	}
	return s
}

// installed reports whether the unit or a file of the registry is there.
func (f Facts) installed() bool {
	for _, name := range FileNames() {
		if f.Files[name].State != Absent { // not known is not absent
			return true
		}
	}
	return f.Unit != nil && f.Unit.Load != "not-found"
}

// stale reports whether a file was changed after the container was made: hashes are of
// the files, and a person may have put back an attempt.
func (f Facts) stale() bool {
	for _, file := range f.Files {
		if f.Container != nil && !f.Container.Created.IsZero() && file.Changed.After(f.Container.Created) {
			return true
		}
	}
	return false
}

func (r *Report) warn(want Settings, f Facts) {
	if f.Engine != nil {
		if major, ok := majorOf(f.Engine.Version); ok && major < strictLoopback {
			r.Warnings = append(r.Warnings, fmt.Sprintf(
				"engine %s is older than %d: a port that it publishes on loopback can be reached from the same network segment", f.Engine.Version, strictLoopback))
		}
		if !f.Engine.HasImage {
			r.Warnings = append(r.Warnings, "the engine does not have the image: the next start would have to pull it")
		}
	}
	if f.Unit != nil && f.Unit.NeedsReload {
		r.Warnings = append(r.Warnings, "the unit's file changed since systemd read it (as root: systemctl daemon-reload)")
	}
	if f.earlier(want, UnitFile) {
		r.Warnings = append(r.Warnings, "the unit is that of an earlier version, without a sandbox; the later one restarts the registry: "+fault.RegistryInstall.Mark())
	}
	if f.Unit != nil && len(f.Unit.DropIns) > 0 {
		r.Warnings = append(r.Warnings, "the unit is not its file alone: "+strings.Join(f.Unit.DropIns, ", ")+
			" (systemctl cat "+Unit+" shows what holds)")
	}
	if f.Container != nil && f.Container.Project != Project {
		r.Warnings = append(r.Warnings, "the container was not made by the Compose project "+Project)
	}
	if f.stale() {
		r.Warnings = append(r.Warnings, "a file changed after the container started: restart the unit to apply it ("+fault.RegistryInstall.Mark()+")")
	}
	r.Warnings = append(r.Warnings, f.Unread...)
}

func majorOf(version string) (int, bool) {
	head, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(head)
	return n, err == nil
}
