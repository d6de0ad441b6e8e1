package deploy

import (
	"fmt"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Request is what a person asks for.
type Request struct {
	Service string
	// Env as given; "" takes the default.
	Env    string
	Commit string
	// Force recreates a service that already runs the commit.
	Force bool
}

// Contract is what a deploy of this service will do, from the catalog alone:
// nothing is contacted, no configuration and no secret is read for it.
type Contract struct {
	Service   artifact.ServiceID `json:"service"`
	Env       catalog.Env        `json:"env"`
	EnvSource string             `json:"envSource"` // "flag" or "default"
	Commit    artifact.Commit    `json:"commit"`
	Shape     string             `json:"shape"`
	Gate      Gate               `json:"gate"`

	RegistryProbeURL string            `json:"registryProbeUrl"`
	Image            string            `json:"image"`
	RequiredLabels   map[string]string `json:"requiredLabels"`
	Target           Target            `json:"target"`
	// Deployments are the Kubernetes Deployments that would change; none for Compose.
	Deployments     []string `json:"deployments"`
	EnvFile         string   `json:"envFile"`
	EnvKeys         []string `json:"envKeys"`
	RequiredSecrets []string `json:"requiredSecrets"`
	Health          Health   `json:"health"`
	// Rollback is the command that goes back.
	Rollback string `json:"rollback"`

	row catalog.Row
}

// Gate says whether the service may be brought live at all.
type Gate struct {
	Mode catalog.Mode `json:"mode"`
	Why  string       `json:"why,omitempty"`
}

// Target is what the deploy touches, and all that it touches.
type Target struct {
	Host           string   `json:"host"`
	ComposeService string   `json:"composeService"`
	ContainerName  string   `json:"containerName"`
	Tags           []string `json:"tags"`
	Command        string   `json:"command"`
}

// Health is the question that the proof asks.
type Health struct {
	Port    int             `json:"port"`
	Path    string          `json:"path"`
	Flags   []string        `json:"flags"`
	Witness catalog.Witness `json:"witness"`
	Stable  string          `json:"stable"`
	Timeout string          `json:"timeout"`
}

// PreviousPlaceholder stands for a commit that a contract cannot know.
const PreviousPlaceholder = "<previous-full-sha>"

// NewContract parses the request and derives its contract.
func NewContract(c *catalog.Catalog, req Request) (Contract, error) {
	commit, err := artifact.ParseCommit(req.Commit)
	if err != nil {
		return Contract{}, err
	}
	env, err := catalog.ParseEnv(req.Env)
	if err != nil {
		return Contract{}, err
	}
	row, err := c.Row(req.Service)
	if err != nil {
		return Contract{}, err
	}
	source := "flag"
	if req.Env == "" {
		source = "default"
	}
	mode, ok := row.Environments[env]
	if !ok {
		mode = catalog.Environment{Mode: catalog.Unsupported, Why: fmt.Sprintf("%s has no %s target", row.Service, env)}
	}
	keys := make([]string, 0, len(workload.Keys()))
	for _, k := range workload.Keys() {
		keys = append(keys, row.EnvPrefix()+k)
	}
	return Contract{
		Service: row.Service, Env: env, EnvSource: source, Commit: commit,
		Shape: "master-compose", Gate: Gate{Mode: mode.Mode, Why: mode.Why},
		RegistryProbeURL: c.ManifestURL(row, commit),
		Image:            c.ImageRef(row, commit),
		RequiredLabels:   row.Labels(commit),
		Target: Target{
			Host: "master", ComposeService: row.Compose.Service, ContainerName: row.Compose.Container,
			Tags:    []string{row.Compose.Image, row.Compose.Image + ":" + commit.String()},
			Command: "docker compose up -d --no-build --no-deps --force-recreate " + row.Compose.Service,
		},
		Deployments: []string{},
		EnvFile:     unidesk.EnvFilePointer,
		EnvKeys:     keys, RequiredSecrets: append([]string{}, row.Secrets...),
		Health: Health{
			Port: row.Probe.Port, Path: row.Probe.Path, Flags: append([]string{}, row.Probe.Flags...),
			Witness: row.Witness, Stable: row.Stable.String(), Timeout: row.Timeout.String(),
		},
		Rollback: Command(row.Service, env, PreviousPlaceholder, "--run-now"),
		row:      row,
	}, nil
}

// Command is the line that deploys a commit of a service.
func Command(service artifact.ServiceID, env catalog.Env, commit string, flags ...string) string {
	words := append([]string{
		"unidesk-controller artifact-registry deploy-service --service", service.String(),
		"--env", string(env), "--commit", commit,
	}, flags...)
	return strings.Join(words, " ")
}
