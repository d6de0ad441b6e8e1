// Package contract holds what a deploy promises before it begins (Contract, Gate)
// and what each deploying command answers (Decision, Result, Reconciliation).
// It reads the catalog and nothing else: no host, no file and no clock, so that a
// dry run cannot touch anything. Package deploy acts by it.
//
// Files, from the top: comparison.go, reconciliation.go, candidate.go, refusal.go, after.go, obstacle.go, end.go, recovery.go, result.go, byreceipt.go, earlier.go,
// grant.go, asked.go, excluding.go, contract.go, digest.go, witnesses.go, gate.go, decision.go, commands.go, command.go.
// A file uses those after it and none before.
package contract

import (
	"cmp"
	"fmt"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Request is what a person asks for.
type Request struct {
	Service string
	// Env is the zero value if the person named none; then prod is the default.
	Env    artifact.Env
	Commit string
	// Digest is the digest that the tag must name, "" if the person named none.
	Digest string
	// Force recreates a service that already runs the commit.
	Force bool
	// TakeOver ends a change even if its run may still live.
	TakeOver bool
	// Again deploys an image whose proof has failed before.
	Again bool
	// Note is the person's note about the deploy.
	Note ledger.Note
	// EnvFile is the path of the master's env file, "" if it is not known here.
	EnvFile string
	// Entry is the command; "" is deploy-service.
	Entry Entry
	// Statement makes the text that a supervisor signs; nil leaves it out.
	Statement func(artifact.ServiceID, artifact.Env, artifact.Commit) string
}

// Contract is what a deploy of this service will do, from the catalog and the request
// alone: nothing is contacted and no secret is read for it.
type Contract struct {
	Service   artifact.ServiceID `json:"service"`
	Env       artifact.Env       `json:"env"`
	EnvSource string             `json:"envSource"` // "flag" or "default"
	Commit    artifact.Commit    `json:"commit"`
	// Digest is the digest that the person named; zero if the person named none.
	Digest artifact.Digest `json:"digest,omitzero"`
	Shape  catalog.Shape   `json:"shape"`
	Gate   Gate            `json:"gate"`
	// Statement is what a supervisor signs to open the gate, if a signature can open it.
	Statement string `json:"statement,omitempty"`
	// Grant is the grant that opened the gate.
	Grant *grant.Grant `json:"grant,omitempty"`

	RegistryProbeURL string            `json:"registryProbeUrl"`
	Image            string            `json:"image"`
	RequiredLabels   map[string]string `json:"requiredLabels"`
	Target           Target            `json:"target"`
	// Targets are the names of all that the deploy touches. ExcludedTargets are names
	// that people might take for targets.
	Targets         []string `json:"targets"`
	ExcludedTargets []string `json:"excludedTargets"`
	// Deployments are the Kubernetes Deployments that would change; none for Compose.
	Deployments []string `json:"deployments"`
	// EnvFile is what names the env file. EnvFilePath is the file that config.json names on
	// the master, "" if that is not known or the service lives elsewhere.
	EnvFile     string   `json:"envFile"`
	EnvFilePath string   `json:"envFilePath,omitempty"`
	EnvKeys     []string `json:"envKeys"`
	// LabelKeys are the EnvKeys that the Compose service's labels must name. Its
	// environment must pass on all EnvKeys, each under its own name.
	LabelKeys []string `json:"labelKeys,omitempty"`
	// Annotations are stamped on the Deployments beside the environment.
	Annotations []string `json:"annotations,omitempty"`
	// AuthSync is the configuration that is written into the namespace before the rollout.
	AuthSync        *AuthSync `json:"authSync,omitempty"`
	RequiredSecrets []string  `json:"requiredSecrets"`
	Health          Health    `json:"health"`
	// Rollback is the command that goes back; empty if nothing is deployed.
	Rollback Command `json:"rollback"`

	row   catalog.Row
	asked Asked
	again bool
	note  ledger.Note
}

// Target is the place that the deploy changes: a Compose service or Deployments of a host.
type Target struct {
	Host           string   `json:"host"`
	ComposeProject string   `json:"composeProject,omitempty"`
	ComposeService string   `json:"composeService"`
	ContainerName  string   `json:"containerName"`
	Tags           []string `json:"tags"`
	Command        string   `json:"command"`
	// Namespace is the Kubernetes namespace. Container and ServiceProxy are the first Deployment's.
	Namespace    string    `json:"namespace,omitempty"`
	Container    string    `json:"container,omitempty"`
	ServiceProxy string    `json:"serviceProxy,omitempty"`
	Rollouts     []Rollout `json:"rollouts,omitempty"`
}

// Rollout is what a deploy does to a Deployment.
type Rollout struct {
	Deployment string `json:"deployment"`
	// Container is the container whose image is set.
	Container string `json:"container"`
	// ServiceProxy is the path at which health is asked; "" if the Deployment has no Service.
	ServiceProxy string `json:"serviceProxy,omitempty"`
}

// AuthSync names the objects that take the keys of an object of config.json. A contract
// does not read the values.
type AuthSync struct {
	From string `json:"from"` // the object's pointer
	// Secret takes the credentials, ConfigMap the settings; both as namespace/name. A key
	// that neither list names goes nowhere.
	Secret      string   `json:"secret"`
	Credentials []string `json:"credentials"`
	ConfigMap   string   `json:"configMap"`
	Settings    []string `json:"settings"`
}

// Health is the health request of the proof, and its conditions.
type Health struct {
	Port    int             `json:"port"`
	Path    string          `json:"path"`
	Flags   []string        `json:"flags"`
	Witness catalog.Witness `json:"witness"`
	Stable  string          `json:"stable"`
	Timeout string          `json:"timeout"`
}

// AgentPlacement is the EnvFile of a contract for a project that an agent places.
const AgentPlacement = "agent.yaml"

// NewContract parses the request and derives its contract.
func NewContract(c *catalog.Catalog, req Request) (Contract, error) {
	commit, err := artifact.ParseCommit(req.Commit)
	if err != nil {
		return Contract{}, err
	}
	digest, err := parseDigest(req.Digest)
	if err != nil {
		return Contract{}, err
	}
	row, err := c.Row(req.Service)
	if err != nil {
		return Contract{}, err
	}
	env := cmp.Or(req.Env, artifact.Prod)
	out := Contract{
		Service: row.Service, Env: env, EnvSource: "flag", Commit: commit, Digest: digest,
		RegistryProbeURL: c.ManifestURL(row, commit), Image: c.ImageRef(row, commit), RequiredLabels: row.Labels(commit),
		Target: Target{Tags: []string{}}, Targets: []string{}, ExcludedTargets: append([]string{}, row.Excluded...),
		Deployments: []string{}, EnvKeys: []string{}, RequiredSecrets: []string{}, Health: Health{Flags: []string{}},
		row: row, asked: Asked{Entry: req.Entry, Commit: commit.String()}, again: req.Again, note: req.Note,
	}
	if req.Env == 0 {
		out.EnvSource = "default"
	}
	out.judge()
	if out.Gate.Mode == catalog.Unsupported {
		return out, nil // no target, so nothing to fill in
	}
	out.fill(c, req)
	return out, nil
}

// judge sets the gate, and its next command.
func (c *Contract) judge() {
	c.Gate = Judge(c.row, c.Env, c.asked)
	c.Gate.Next = c.Meant(c.Gate.Next)
}

// Meant adds the digest that the person named, and --again if it was given, to a command
// about the contract's commit.
func (c Contract) Meant(command Command) Command { return meant(c.Digest, c.again, command) }

// Stamps returns the deploy keys, without prefix, of the artifact of this manifest. The
// time of the deploy is not among them.
func (c Contract) Stamps(manifest artifact.Digest) map[string]string {
	return map[string]string{
		workload.KeyCommit:          c.Commit.String(),
		workload.KeyRequestedCommit: c.Commit.String(),
		workload.KeyImage:           c.Image,
		workload.KeyDigest:          manifest.String(),
		workload.KeyServiceID:       c.Service.String(),
		workload.KeySourceRepo:      c.row.Source,
	}
}

// Row returns the catalog's row of the service.
func (c Contract) Row() catalog.Row { return c.row }

// Environment returns the catalog entry of the service in its environment.
func (c Contract) Environment() catalog.Environment { return c.row.Environment(c.Env) }

// fill sets the targets, keys and probes of the deploy.
func (c *Contract) fill(services *catalog.Catalog, req Request) {
	e := c.Environment()
	c.Shape, c.Target.Host, c.Targets = e.Target.Shape, e.Target.Host, e.Target.Names()
	c.Rollback = LiveCommand(c.row, c.Env, string(PreviousCommit))
	if e.Has(catalog.SupervisorRequired) && e.Mode == catalog.Live && req.Statement != nil {
		c.Statement = req.Statement(c.Service, c.Env, c.Commit)
	}
	if e.Target.Shape == catalog.Infrastructure {
		c.ExcludedTargets = append(c.ExcludedTargets, "every Compose project", "every Kubernetes object")
		return
	}
	for _, k := range workload.Keys() {
		c.EnvKeys = append(c.EnvKeys, c.row.KeyPrefix(c.Env)+k)
	}
	c.Health = Health{
		Port: e.Probe.Port, Path: e.Probe.Path, Flags: append([]string{}, e.Probe.Flags...),
		Witness: c.row.Witness, Stable: e.Stable.String(), Timeout: e.Timeout.String(),
	}
	c.ExcludedTargets = append(c.ExcludedTargets, neighbours(services, c.row, c.Env)...)
	if k := e.Target.Kubernetes; k != nil {
		c.kubernetes(*k)
	} else {
		c.compose(*e.Target.Compose, req.EnvFile)
	}
}

// neighbours are the catalog's other services in the same Compose project or
// Kubernetes namespace.
func neighbours(services *catalog.Catalog, row catalog.Row, env artifact.Env) (names []string) {
	t := row.Environment(env).Target
	for _, id := range services.Services() {
		other, err := services.Row(id.String())
		if err != nil || id == row.Service {
			continue
		}
		if o := other.Environment(env).Target; o.Beside(t) {
			names = append(names, o.Names()...)
		}
	}
	return names
}

func (c *Contract) compose(t catalog.Compose, envFile string) {
	c.EnvFile, c.EnvFilePath = unidesk.EnvFilePointer, envFile
	if c.Target.Host != catalog.Master {
		c.EnvFile, c.EnvFilePath = AgentPlacement, ""
	}
	c.RequiredSecrets = append(c.RequiredSecrets, c.row.Secrets...)
	c.Target.ComposeProject, c.Target.ComposeService, c.Target.ContainerName = t.Project, t.Service, t.Container
	c.LabelKeys = c.EnvKeys
	c.Target.Tags = []string{t.Image, t.Image + ":" + c.Commit.String()}
	c.Target.Command = "docker compose up -d --no-build --no-deps --force-recreate --pull never " + t.Service
	c.ExcludedTargets = append(c.ExcludedTargets, "every other service of the Compose project", "every Kubernetes object")
}

func (c *Contract) kubernetes(t catalog.Kubernetes) {
	for _, d := range t.Deployments {
		c.Deployments = append(c.Deployments, t.Namespace+"/"+d.Name)
		c.Target.Rollouts = append(c.Target.Rollouts, Rollout{Deployment: d.Name, Container: d.Container, ServiceProxy: serviceProxy(t.Namespace, d)})
	}
	c.Annotations = catalog.Annotations()
	if a := t.Auth; a != nil {
		c.AuthSync = &AuthSync{
			From: unidesk.AuthPointer, Secret: t.Namespace + "/" + a.Secret, Credentials: a.Credentials, ConfigMap: t.Namespace + "/" + a.ConfigMap,
			Settings: append([]string{}, a.Settings...),
		}
	}
	c.Target.Tags = []string{c.Image}
	c.Target.Namespace = t.Namespace
	c.Target.Container, c.Target.ServiceProxy = c.Target.Rollouts[0].Container, c.Target.Rollouts[0].ServiceProxy
	c.ExcludedTargets = append(c.ExcludedTargets, "every other Deployment", "every other Secret and ConfigMap", "every Service, NodePort, hostPort and Ingress", "every Compose project")
}

// serviceProxy is the path below the Kubernetes API at which health is asked, "" if the
// Deployment has no Service.
func serviceProxy(namespace string, d workload.DeploymentSpec) string {
	if d.Service == "" {
		return ""
	}
	return fmt.Sprintf("/api/v1/namespaces/%s/services/%s:%d/proxy%s", namespace, d.Service, d.Probe.Port, d.Probe.Path)
}
