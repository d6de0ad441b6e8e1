package controller

import (
	"context"
	"log/slog"
	"path/filepath"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/compose"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/stage"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// wired is a deployer with everything that it touches.
type wired struct {
	config   Config
	parts    deploy.Config
	deployer *deploy.Deployer
	progress *progress
	remote   *remote // the registry's host
	hosts    hosts
	engine   *engine.Client
	// watch takes back, until ctx ends, what nobody settles on the master.
	watch func(ctx context.Context, log *slog.Logger)
}

func (c Config) ledgerDir() string  { return filepath.Join(c.State, "ledger") }
func (c Config) changesDir() string { return filepath.Join(c.State, "changes") }
func (c Config) grantsDir() string  { return filepath.Join(c.State, "grants") }

// wireDefault wires with the configured catalog.
func (a *app) wireDefault() (*wired, error) {
	services, err := LoadCatalog(a.configDir)
	if err != nil {
		return nil, err
	}
	return a.wire(services)
}

// wire joins the parts. Nothing is contacted yet.
func (a *app) wire(services *catalog.Catalog) (*wired, error) {
	c, err := LoadConfig(a.configDir)
	if err != nil {
		return nil, err
	}
	envFile, err := unidesk.EnvFile(c.Master.Root, c.Master.Config)
	if err != nil {
		return nil, err
	}
	docker, err := engine.New(c.Master.Docker)
	if err != nil {
		return nil, err
	}
	spool, err := layers.OpenSpool(filepath.Join(c.State, "spool"), c.SpoolQuota)
	if err != nil {
		return nil, err
	}
	from, err := c.origin()
	if err != nil {
		return nil, err
	}
	all := newHosts(c, a.version)
	registry := all[c.RegistryHost]
	stager := stage.New(docker, spool, registry)
	runtime, err := compose.New(compose.Config{
		Root: c.Master.Root, Project: c.Master.Project, Files: c.Master.ComposeFiles, EnvFile: envFile, DockerHost: c.Master.Docker,
	}, docker, stager)
	if err != nil {
		return nil, err
	}
	master := confirm.New(runtime, c.changesDir())
	shown := newProgress(a.Err, a.Terminal)
	parts := deploy.Config{
		Catalog: services, Project: c.Master.Project,
		Artifacts: registry, Estimator: estimator{stager},
		Targets: all.targets(master),
		Ledger:  ledger.Open(c.ledgerDir()), Emit: a.emit(shown), Traffic: all.traffic,
		Provenance: from, Grants: grants(c.grantsDir()), Who: who(), Version: a.version,
	}
	deployer, err := deploy.New(parts)
	if err != nil {
		return nil, err
	}
	return &wired{
		config: c, parts: parts, deployer: deployer, progress: shown, remote: registry, hosts: all, engine: docker, watch: master.Watch,
	}, nil
}

// emit tells the person first and whoever else listens after.
func (a *app) emit(shown *progress) func(workload.Event) {
	if a.onEvent == nil {
		return shown.event
	}
	return func(e workload.Event) {
		shown.event(e)
		a.onEvent(e)
	}
}

// Close ends the connection and takes the progress off the screen.
func (w *wired) Close() {
	w.progress.close()
	_ = w.hosts.Close()
	_ = w.engine.Close()
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
		Layers: len(p.Missing), Bytes: p.Bytes, Spool: p.Bytes, SpoolFree: p.SpoolFree, Engine: p.EngineBytes,
	}, nil
}
