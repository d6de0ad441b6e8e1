package controller

import (
	"context"
	"errors"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// hosts are the agents of all hosts of the configuration, by name.
type hosts map[string]*remote

func newHosts(c Config, version string) hosts {
	all := hosts{}
	for name, config := range c.Hosts {
		all[name] = &remote{config: config, version: version}
	}
	return all
}

// targets are the hands on each host beside those on the master, which is no
// agent's whatever a host is called.
func (h hosts) targets(master workload.Target) map[string]workload.Target {
	all := map[string]workload.Target{}
	for name, r := range h {
		all[name] = far{r}
	}
	all[catalog.Master] = master
	return all
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

// far are the workloads of an agent's host, over the one connection to it, which
// the first question makes.
type far struct{ *remote }

// Observe implements workload.Target.
func (f far) Observe(ctx context.Context, spec workload.Spec, probe bool) (workload.Observation, error) {
	client, err := f.connect(ctx)
	if err != nil {
		return workload.Observation{}, err
	}
	return client.Workloads().Observe(ctx, spec, probe)
}

// Stage implements workload.Target.
func (f far) Stage(ctx context.Context, spec workload.Spec, image artifact.Image, emit func(workload.Event)) error {
	client, err := f.connect(ctx)
	if err != nil {
		return err
	}
	return client.Workloads().Stage(ctx, spec, image, emit)
}

// Switch implements workload.Target.
func (f far) Switch(ctx context.Context, change workload.Change, emit func(workload.Event)) error {
	client, err := f.connect(ctx)
	if err != nil {
		return err
	}
	return client.Workloads().Switch(ctx, change, emit)
}

// Settle implements workload.Target.
func (f far) Settle(ctx context.Context, spec workload.Spec, s workload.Settlement, emit func(workload.Event)) error {
	client, err := f.connect(ctx)
	if err != nil {
		return err
	}
	return client.Workloads().Settle(ctx, spec, s, emit)
}

// Logs implements workload.Target.
func (f far) Logs(ctx context.Context, spec workload.Spec, instance string, lines int) ([]string, error) {
	client, err := f.connect(ctx)
	if err != nil {
		return nil, err
	}
	return client.Workloads().Logs(ctx, spec, instance, lines)
}
