// Package deploy is the brain: it acts by a contract. Start at [Deployer.Run], which
// is the ten steps of a deploy in their order. [Deployer.Plan] stops after the steps
// that only read, [Deployer.Recover] ends what a killed run left, and
// [Deployer.Verify] proves again. The package does no I/O of its own: it works
// through what [Config] holds.
//
// Until the switch nothing that runs is touched. From the switch on the host holds a
// provisional change: this run, the same command again or Recover ends it, with the
// new version proven or the old version back.
//
// Files, from the top: apply.go, verify.go, recover.go, plan.go, run.go, steps.go, ends.go, revert.go,
// receipt.go, scope.go, change.go, find.go, settings.go, session.go, deploy.go.
// A file uses those after it and none before:
//
//	apply                 the reconciler over deploy.json
//	plan, recover, verify
//	run                   the order of a deploy's steps
//	steps                 the steps of a run
//	ends                  the results of runs that did not succeed
//	revert                take a change back; end what an earlier run left
//	receipt               what is written down
//	scope                 what happened to everything else
//	change                the change
//	find                  the steps that only read: look, preflight, admit
//	settings              what a config sync writes
//	session               a service in an environment, on its host
//	deploy                what a deploy works through
package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/resolve"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Estimator computes what staging an image costs, without changing anything.
type Estimator interface {
	Need(ctx context.Context, image artifact.Image) (contract.Need, error)
}

// Grants remembers which supervisors' grants were used.
type Grants interface {
	// Used returns GRANT_USED for a grant that was used before, and uses up none.
	Used(g grant.Grant) error
	// Use uses a grant up. Of all calls for a grant only the first succeeds; by names
	// the run.
	Use(g grant.Grant, by string) error
}

// Settings reads what a config sync writes.
type Settings interface {
	// Settings returns the values of the sync's keys, as far as they exist, and the keys
	// beside them that the sync does not write.
	Settings(sync workload.ConfigSync) (values workload.Values, nowhere []string, err error)
}

// Config is everything that a deploy works through. All of it is required but TakeOver and Wait.
type Config struct {
	Catalog *catalog.Catalog
	// Project is the Compose project of the master, EnvFile the path of its env file.
	Project   string
	EnvFile   string
	Artifacts resolve.Artifacts
	// RegistryHost holds the registry, Endpoint is the host and port at which it is managed.
	RegistryHost, Endpoint string
	// Targets are the targets on each host, by the host's name in the catalog. A host
	// without an entry cannot be deployed to.
	Targets map[string]workload.Target
	// MayDeploy fails with ROLE_MISSING if this account's role on another host does not let
	// it deploy there.
	MayDeploy  func(ctx context.Context, host string) error
	Estimator  Estimator
	Settings   Settings
	Ledger     *ledger.Ledger
	Provenance resolve.Provenance
	Grants     Grants
	// Emit receives each point as it is reached, and how each run ended. A line without a run
	// comes from a command that only looks.
	Emit func(journal.Line)
	// Subject returns the subject of a source's commit, "" if it is not known.
	Subject func(ctx context.Context, source string, commit artifact.Commit) string
	// Traffic returns the payload of the connection so far, both ways, in bytes.
	Traffic func() (sent, received int64)
	// TakeOver lets a run take over or revert a change even if the host believes its run alive.
	TakeOver bool
	// Wait is how long a run waits for another run that has the lock of its service.
	Wait time.Duration
	// Who is the person, Version the controller's version.
	Who, Version string
}

// Deployer deploys. It keeps nothing between two calls.
type Deployer struct{ config Config }

// Heeding returns a deployer with these values of TakeOver and Wait.
func (d *Deployer) Heeding(takeOver bool, wait time.Duration) *Deployer {
	c := d.config
	c.TakeOver, c.Wait = takeOver, wait
	return &Deployer{c}
}

// New returns a deployer, or an error that names each part that is missing.
func New(c Config) (*Deployer, error) {
	var missing []error
	for _, part := range []struct {
		name string
		set  bool
	}{
		{"Catalog", c.Catalog != nil},
		{"Project", c.Project != ""},
		{"EnvFile", c.EnvFile != ""},
		{"Artifacts", c.Artifacts != nil},
		{"RegistryHost", c.RegistryHost != ""},
		{"Endpoint", c.Endpoint != ""},
		{"Targets", len(c.Targets) > 0},
		{"MayDeploy", c.MayDeploy != nil},
		{"Estimator", c.Estimator != nil},
		{"Settings", c.Settings != nil},
		{"Ledger", c.Ledger != nil},
		{"Provenance", c.Provenance != nil},
		{"Subject", c.Subject != nil},
		{"Grants", c.Grants != nil},
		{"Emit", c.Emit != nil},
		{"Traffic", c.Traffic != nil},
		{"Who", c.Who != ""},
		{"Version", c.Version != ""},
	} {
		if !part.set {
			missing = append(missing, fmt.Errorf("deploy: Config.%s is missing", part.name))
		}
	}
	if err := errors.Join(missing...); err != nil {
		return nil, err
	}
	return &Deployer{c}, nil
}
