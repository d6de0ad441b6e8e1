package site

import (
	"context"
	"log/slog"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/compose"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/source"
	"github.com/pikasTech/unidesk-artifact-cd/internal/stage"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
)

// Wired is a deployer with everything that it touches.
type Wired struct {
	Config   Config
	Deployer *deploy.Deployer
	// Parts are what the deployer works through.
	Parts   deploy.Config
	Remote  *Remote // the registry's host
	hosts   hosts
	Engine  *engine.Client
	sources *source.Remotes
	// Watch reverts, until ctx ends, what no process settles on the master.
	Watch func(ctx context.Context, log *slog.Logger)
}

// Access is what a command does with the state folder.
type Access int

const (
	// Reading leaves it as it is, so an account that may not write to it can read.
	Reading Access = iota
	// Acting writes what a deploy leaves there.
	Acting
)

// Wire joins the parts. emit receives each line of a run. Nothing is contacted or
// written yet.
func Wire(c Config, services *catalog.Catalog, version string, access Access, emit func(journal.Line)) (*Wired, error) {
	envFile, err := unidesk.EnvFile(c.Master.Root, c.Master.Config)
	if err != nil {
		return nil, err
	}
	docker, err := engine.New(c.Master.Docker)
	if err != nil {
		return nil, err
	}
	spool, err := layers.OpenSpool(c.SpoolDir(), c.SpoolQuota, layers.OpenCache(c.CacheDir(), c.CacheQuota))
	if err != nil {
		return nil, err
	}
	sources, err := c.remotesFor(access)
	if err != nil {
		return nil, err
	}
	all := newHosts(c, version)
	registry := all[c.RegistryHost]
	stager := stage.New(docker, spool, registry)
	runtime, err := compose.New(compose.Config{
		Root: c.Master.Root, Project: c.Master.Project, Files: c.Master.ComposeFiles, EnvFile: envFile, DockerHost: c.Master.Docker,
		Workloads: services.Workloads(catalog.Master, c.Master.Project), Guard: c.Guard,
	}, docker, stage.NewStreamer(registry, stager))
	if err != nil {
		return nil, err
	}
	master := confirm.New(runtime, c.ChangesDir())
	master.TrustOnly(mayUse(c.Master.Docker))
	master.Takes = takes(services, c.Master.Project, emit)
	parts := deploy.Config{
		Catalog: services, Project: c.Master.Project, EnvFile: envFile,
		Artifacts: registry, RegistryHost: c.RegistryHost, Endpoint: c.Registry.Endpoint.String(),
		Estimator: estimator{stager}, Settings: settings{c.Master.Root, c.Master.Config},
		Targets: all.targets(master), MayDeploy: all.mayDeploy,
		Ledger: ledger.Open(c.LedgerDir()), Emit: emit, Traffic: all.traffic,
		Subject: func(ctx context.Context, of string, commit artifact.Commit) string {
			return sources.Subjects(ctx, of, []artifact.Commit{commit})[commit]
		},
		Provenance: origins{c.Summaries, sources}, Grants: grants(c.grantsDir()), Who: Who(), Version: version,
	}
	deployer, err := deploy.New(parts)
	if err != nil {
		return nil, err
	}
	return &Wired{
		Config: c, Deployer: deployer, Parts: parts, Remote: registry, hosts: all, Engine: docker, sources: sources, Watch: master.Watch,
	}, nil
}

// Close ends the connections, and removes what was kept for this command alone.
func (w *Wired) Close() {
	_ = w.sources.Close()
	_ = w.hosts.Close()
	_ = w.Engine.Close()
}

// estimator asks the stager what is missing.
type estimator struct{ stager *stage.Stager }

// Need implements deploy.Estimator.
func (e estimator) Need(ctx context.Context, image artifact.Image) (contract.Need, error) {
	p, err := e.stager.Plan(ctx, image)
	if err != nil {
		return contract.Need{}, err
	}
	return contract.Need{
		Layers: len(p.Missing), Bytes: p.Bytes, Whole: p.Whole, Spool: p.Whole, SpoolFree: p.SpoolFree, Engine: p.EngineBytes,
	}, nil
}
