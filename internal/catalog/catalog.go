// Package catalog holds what is deployed where, as data: a row for each service,
// read strictly from services.yaml. It is pure; a file that names something
// unknown is refused whole, with every fault that it has and the line of each.
package catalog

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

//go:embed services.yaml
var builtin []byte

// Mode is how far a deploy of a service may go in an environment.
type Mode string

// The modes.
const (
	// Live may be brought live.
	Live Mode = "live"
	// Validate has contract and preflight; nothing can be brought live.
	Validate Mode = "validate"
	// Unsupported has no target.
	Unsupported Mode = "unsupported"
)

// Gate is what stands between a service and a live deploy.
type Gate string

// The gates that a row may ask for.
const (
	// ContractMismatch: what is registered does not fit how the service runs.
	ContractMismatch Gate = "contract-mismatch"
	// SupervisorRequired: a supervisor's grant opens it in mode live, nothing in
	// mode validate.
	SupervisorRequired Gate = "supervisor-required"
	// UseDeployApply: only `deploy apply` may bring it live.
	UseDeployApply Gate = "use-deploy-apply"
	// Promote: prod wants a proven dev deploy of the same digest.
	Promote Gate = "promote"
)

// Witness is what a service's health answer is worth as evidence.
type Witness string

// The witnesses.
const (
	// Payload answers with a commit of its own.
	Payload Witness = "payload"
	// Composed answers without a commit: the runtime metadata that the deploy wrote
	// stands in, and the output notes that.
	Composed Witness = "composed"
)

// Row is a service.
type Row struct {
	Service    artifact.ServiceID
	Repository artifact.Repository
	// Source is the repository that the image's source label must name.
	Source string
	// Required are the labels that an image must carry, with words for what a deploy asks.
	Required map[string]string
	Secrets  []string
	Witness  Witness
	// Provenance is how much the service asks of it.
	Provenance provenance.Policy
	// Hints are what to do, in this order, when the service runs degraded. CommandWord
	// in them stands for the command that deploys it.
	Hints []string
	// Excluded are neighbours that people might take for a target, and that a
	// deploy does not touch.
	Excluded     []string
	Environments map[artifact.Env]Environment
}

// Environment is what a service has in an environment.
type Environment struct {
	Mode Mode
	// Why is the reason of a mode or a gate.
	Why   string
	Gates []Gate
	// Target is where it runs; zero for none.
	Target Target
	Probe  workload.Probe
	// Stable is for how long the answers must not change, Timeout how long the first
	// good answer may take.
	Stable, Timeout time.Duration
}

// Has reports whether the environment asks for a gate.
func (e Environment) Has(g Gate) bool { return slices.Contains(e.Gates, g) }

// Catalog is a read file.
type Catalog struct {
	// Hash is the digest of the file's bytes; it goes into every receipt.
	Hash artifact.Digest
	// Registry is the host and port in image references.
	Registry string
	rows     map[artifact.ServiceID]Row
}

// Builtin is the catalog that the binary carries, the same one each time.
func Builtin() (*Catalog, error) { return parsedBuiltin() }

var parsedBuiltin = sync.OnceValues(func() (*Catalog, error) { return Parse(builtin) }) //nolint:gochecknoglobals // parsed once, never changed

// BuiltinFile is the built-in catalog's file, to start another from.
func BuiltinFile() []byte { return slices.Clone(builtin) }

// Services returns the ids in alphabetical order.
func (c *Catalog) Services() []artifact.ServiceID {
	return slices.SortedFunc(maps.Keys(c.rows), func(a, b artifact.ServiceID) int {
		return strings.Compare(a.String(), b.String())
	})
}

// names are the ids as text.
func (c *Catalog) names() (names []string) {
	for _, id := range c.Services() {
		names = append(names, id.String())
	}
	return names
}

// Row returns the service of that name.
func (c *Catalog) Row(name string) (Row, error) {
	id, err := artifact.ParseServiceID(name)
	if err == nil {
		if row, ok := c.rows[id]; ok {
			return row, nil
		}
	}
	unknown := fault.New(fault.UnknownService, "the catalog has no service %q", name)
	if near := plain.Near(name, c.names()); len(near) > 0 {
		return Row{}, unknown.WithHint("did you mean %s? `%s` lists all", strings.Join(near, " or "), fault.ListServices.Mark())
	}
	return Row{}, unknown.WithHint("`%s` lists what it has", fault.ListServices.Mark())
}

// Environment is what the service has there; it is not deployed to an environment that
// the row does not name.
func (r Row) Environment(env artifact.Env) Environment {
	if e, ok := r.Environments[env]; ok {
		return e
	}
	return Environment{Mode: Unsupported, Why: fmt.Sprintf("it has no %s target", env)}
}

// LiveOn reports whether some environment brings the service live on the host.
func (r Row) LiveOn(host string) bool {
	return slices.ContainsFunc(artifact.Envs(), func(env artifact.Env) bool { return r.Environment(env).LiveOn(host) })
}

// LiveOn reports whether it brings the service live on the host.
func (e Environment) LiveOn(host string) bool { return e.Mode == Live && e.Target.Host == host }

// Workloads returns what a host must place: the services that run there, of all
// environments, those of Compose first, in the order of their names. project is the
// master's. If two environments share a service, the row that brings it live counts.
func (c *Catalog) Workloads(host, project string) (specs []workload.Spec) {
	for _, mode := range []Mode{Live, Validate} {
		for _, id := range c.Services() {
			row := c.rows[id]
			for _, env := range artifact.Envs() {
				e, spec := row.Environment(env), row.Spec(env, project)
				known := slices.ContainsFunc(specs, func(s workload.Spec) bool { return s.Ref == spec.Ref })
				if e.Mode == mode && e.Target.Host == host && !spec.Ref.IsZero() && !known {
					specs = append(specs, spec)
				}
			}
		}
	}
	slices.SortFunc(specs, func(a, b workload.Spec) int { return strings.Compare(a.Ref.String(), b.Ref.String()) })
	return specs
}

// ImageRef is the commit-pinned reference as the registry's host knows it.
func (c *Catalog) ImageRef(r Row, commit artifact.Commit) string {
	return fmt.Sprintf("%s/%s:%s", c.Registry, r.Repository, commit)
}

// ManifestURL is the URL of the commit's manifest in the registry.
func (c *Catalog) ManifestURL(r Row, commit artifact.Commit) string {
	return fmt.Sprintf("http://%s/v2/%s/manifests/%s", c.Registry, r.Repository, commit)
}

// CommandWord stands in a hint for the command that deploys the service.
const CommandWord = "{command}"

// HintsWith returns the hints with words for the command that deploys the service.
func (r Row) HintsWith(command string) (hints []string) {
	for _, h := range r.Hints {
		hints = append(hints, strings.ReplaceAll(h, CommandWord, command))
	}
	return hints
}
