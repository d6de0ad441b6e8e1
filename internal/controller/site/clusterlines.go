package site

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// ClusterObjects returns what a host's agent needs in the host's cluster, nothing if the
// catalog has no service there.
func (c Config) ClusterObjects(services *catalog.Catalog, host string) []rights.Object {
	specs := services.Workloads(host, c.Master.Project)
	if host == catalog.Master || len(scopes(specs, workload.Kubernetes)) == 0 {
		return nil
	}
	return rights.Objects(specs)
}

// RightsLine returns what a person does to give the agent its rights in a host's
// cluster: a line to type here if ssh leads to the host.
func RightsLine(name string, host tunnel.Config) string {
	manifest := plain.Command("unidesk-controller", "host", "placement", name, "--rbac")
	if host.SSH == nil {
		return "on the host, as root: kubectl apply -f - with what `" + manifest + "` prints here"
	}
	ssh := []string{"ssh"}
	if host.SSH.ConfigFile != "" {
		ssh = append(ssh, "-F", host.SSH.ConfigFile)
	}
	ssh = append(ssh, host.SSH.Destination, "sudo", "kubectl", "apply", "-f", "-")
	return manifest + " | " + plain.Command(ssh...)
}

// TokenLine is [rights.TokenLine] for the file that the agent reads by default.
func TokenLine() string { return rights.TokenLine("/var/lib/unidesk-agent/kubernetes-token") }
