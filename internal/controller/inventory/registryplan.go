package inventory

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

// RegistryPlan is what plan answers: the specification in the words of the
// settings. docs/output.md describes its JSON.
type RegistryPlan struct {
	OK           bool              `json:"ok"`
	Source       string            `json:"source"`
	Host         string            `json:"host"`
	Settings     registry.Settings `json:"settings"`
	Boundary     []string          `json:"boundary"`
	Dependencies dependencies      `json:"dependencies"`
	Paths        []planned         `json:"paths"`
	Flow         []string          `json:"flow"`
}

// dependencies are what the running registry may and may not lean on.
type dependencies struct {
	Allowed   []string `json:"allowed"`
	Forbidden []string `json:"forbidden"`
}

// planned is a thing of the registry and where or what it is.
type planned struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// NewRegistryPlan returns what requirements 6, 14 to 46 and 122 to 136 fix.
func NewRegistryPlan(c site.Config, from string) RegistryPlan {
	s := c.Registry
	endpoint := s.Endpoint.String()
	image := endpoint + "/unidesk/backend-core:<commit>"
	return RegistryPlan{
		OK: true, Source: from, Host: c.RegistryHost, Settings: s,
		Boundary: []string{
			"CNCF Distribution as a Docker Compose project that systemd keeps, on the host itself: no k3s workload, outside the failure domain of k3s",
			"published at " + endpoint + " and nowhere else: no NodePort, hostPort, LoadBalancer, public port or reverse proxy",
			"inside its container it listens on :5000; the host's loopback address is the security boundary",
			"a local cache of artifacts: it builds nothing, deploys nothing, and stands for neither deploy.json, release/v1 nor the history of master",
			"the registry stores images: UniDesk's release process decides which version runs",
			"k3sctl-adapter is a neighbour and no part of it: UniDesk's control bridge to native k3s, managed by UniDesk itself",
			"CI on this host builds and pushes images pinned to a commit; CD on the target only pulls, replaces and verifies",
		},
		Dependencies: dependencies{
			Allowed: []string{
				"the host's Docker Engine", "the Docker Compose plugin", "systemd", "the image " + s.Image, "the folder " + s.Storage,
				"Host SSH, for this command line alone: the running registry does not need it",
			},
			Forbidden: []string{
				"the control plane or a namespace of k3s; a Service, NodePort, Ingress or lasting proxy in it", "images hosted by a third party as the source of truth",
				"compiling backend-core, or building any consumer's image, on the target", "a public port or public reverse proxy of the registry",
			},
		},
		Paths: []planned{
			{"unit", registry.Unit},
			{"project", registry.Project},
			{"container", registry.Container},
			{"unit file", s.PathOf(registry.UnitFile)},
			{"config", s.PathOf(registry.ConfigFile)},
			{"compose", s.PathOf(registry.ComposeFile)},
			{"storage", s.Storage},
			{"endpoint", "http://" + endpoint},
		},
		Flow: []string{
			"the registry is installed, and `artifact-registry health` is ok",
			"CI on " + c.RegistryHost + " builds unidesk/backend-core:<commit> from a pushed Git checkout, never from a dirty worktree",
			"CI pushes " + image + " and records service, source, commit, Dockerfile, image, tag and digest",
			"CD confirms that commit, tag and digest are in the registry, and that the image's labels name the commit",
			"the missing layers are transferred through Host SSH to the target, each verified; no port is opened, no third party hosts anything",
			"the image gets the name that Compose uses, and `docker compose up -d --no-build --no-deps --force-recreate --pull never backend-core` recreates that one service",
			"what runs is proven by the image's label, by the environment and by the health payload; a switch that cannot be proven is reverted",
			"rollback: the same command with the previous commit; nothing is ever built on the target",
		},
	}
}
