package site

import (
	"cmp"
	"context"
	"errors"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// hosts are the agents of all hosts of the configuration, by name.
type hosts map[string]*Remote

func newHosts(c Config, version string) hosts {
	all := hosts{}
	for name, config := range c.Hosts {
		all[name] = NewRemote(name, config, version)
	}
	return all
}

// targets maps host names to their targets. The master's is local and replaces a
// configured host of the same name.
func (h hosts) targets(master workload.Target) map[string]workload.Target {
	all := map[string]workload.Target{}
	for name, r := range h {
		all[name] = r.Workloads()
	}
	all[catalog.Master] = master
	return all
}

// mayDeploy fails with ROLE_MISSING if the account on the host has not the role operate.
func (h hosts) mayDeploy(ctx context.Context, host string) error {
	r, ok := h[host]
	if !ok {
		return nil // the target refuses it
	}
	client, err := r.Connect(ctx)
	if err != nil {
		return err
	}
	d, err := client.Describe(ctx)
	if err != nil || d.CallerRole == rpc.RoleOperate || d.CallerRole == rpc.RoleAdmin {
		return err
	}
	return fault.New(fault.RoleMissing, "a deploy needs the role operate on %s, uid %d has %s there", host, d.CallerUID, cmp.Or(string(d.CallerRole), "none")).
		WithHint("on %s, as root: list the account under roles.operate in /etc/unidesk/agent.yaml, then systemctl restart unidesk-agent", host)
}

// traffic is the payload of all connections so far, in bytes.
func (h hosts) traffic() (sent, received int64) {
	for _, r := range h {
		s, n := r.traffic()
		sent, received = sent+s, received+n
	}
	return sent, received
}

// Close ends all connections.
func (h hosts) Close() error {
	var faults []error
	for _, r := range h {
		faults = append(faults, r.Close())
	}
	return errors.Join(faults...)
}

// Workloads returns the workloads of the agent's host, over the one connection to it.
// The first question makes that connection.
func (r *Remote) Workloads() workload.Target {
	return workload.Via(func(ctx context.Context, _ workload.Ref) (workload.Target, error) {
		client, err := r.Connect(ctx)
		if err != nil {
			return nil, err
		}
		return client.Workloads(), nil
	})
}
