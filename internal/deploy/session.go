package deploy

import (
	"context"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// session is a service in an environment, and its host. It does not change.
type session struct {
	*Config
	sight.Workload
	row   catalog.Row
	env   artifact.Env
	place catalog.Environment // the row's entry for env
	log   *journal.Track
}

func (d *Deployer) session(row catalog.Row, env artifact.Env) session {
	s := session{Config: &d.config, row: row, env: env, place: row.Environment(env), Workload: d.Workload(row, env)}
	return s.tracked("", artifact.Commit{})
}

// tracked returns the session with a track of its own. run is "" for a track without a run,
// commit is zero for a track without a commit.
func (s session) tracked(run string, commit artifact.Commit) session {
	s.log = &journal.Track{Emit: s.Emit, Head: journal.Line{Run: run, Service: s.row.Service, Env: s.env, Commit: commit, Who: s.Who}}
	s.Report = s.log.Report
	return s
}

// Workload returns a service's workload in an environment, for a caller that only looks at it.
func (d *Deployer) Workload(row catalog.Row, env artifact.Env) sight.Workload {
	place := row.Environment(env)
	return sight.Workload{
		Spec: row.Spec(env, d.config.Project), Host: d.target(place.Target.Host), HostName: place.Target.Host,
		Unseen: unseen(row, place.Target), Stable: place.Stable, Timeout: place.Timeout, Report: func(workload.Event) {},
		Built: func(in workload.Instance) string {
			if commit := row.Commit(in.Labels); commit != "" {
				return commit
			}
			receipts, _ := d.config.Ledger.History(0, row.Service.String()) // what cannot be read names no commit
			return ledger.CommitOf(receipts, in)
		},
	}
}

// unseen returns why the host is not looked at, "" if it is. A host need not know a
// service that no environment brings live there.
func unseen(row catalog.Row, t catalog.Target) string {
	switch {
	case t.Compose == nil && t.Kubernetes == nil:
		return "it is infrastructure, which nothing here deploys"
	case !row.LiveOn(t.Host):
		return "no environment brings it live on " + t.Host
	}
	return ""
}

// target returns the target on a host.
func (d *Deployer) target(host string) workload.Target {
	if t, ok := d.config.Targets[host]; ok {
		return t
	}
	return workload.Via(func(context.Context, workload.Ref) (workload.Target, error) {
		return nil, fault.New(fault.CapabilityMissing, "this controller cannot reach workloads on %s", host).
			WithHint("name the host in controller.yaml, and let its agent serve workloads")
	})
}

// name is the service's id.
func (s session) name() string { return s.row.Service.String() }

// store names what holds the image on another host.
func (s session) store() string {
	if s.Spec.Kubernetes != nil {
		return s.HostName + "'s cluster"
	}
	return s.HostName + "'s engine"
}

// history returns the service's receipts, newest first.
func (s session) history() ([]ledger.Receipt, error) {
	return s.Ledger.History(s.env, s.name())
}

// elapsed is the wall time in seconds, with milliseconds.
func elapsed(since time.Time) float64 { return float64(time.Since(since).Milliseconds()) / 1000 }

// leased reports whether a change is pending whose run lives, as far as its host knows. A
// run that this ledger knows is over: the service's lock is free, or this run has it.
func (s session) leased(seen sight.View) bool {
	return seen.Leased() && !s.Ledger.Claimed(s.env, s.name(), seen.Pending.Change.ID)
}
