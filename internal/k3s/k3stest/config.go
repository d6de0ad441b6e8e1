package k3stest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Configuration implements [k3s.Cluster].
func (n *Node) Configuration(_ context.Context, _ string, sync workload.ConfigSync) (c kube.Configuration, err error) {
	err = n.do("Configuration", func() error {
		c = n.configuration(sync)
		return nil
	})
	return c, err
}

func (n *Node) configuration(sync workload.ConfigSync) kube.Configuration {
	return kube.Configuration{
		Missing: slices.Clone(n.missing), SecretVersion: version(n.secret), MapVersion: version(n.settings),
		Credentials: pick(n.secret, sync.Credentials), Settings: pick(n.settings, sync.Settings),
	}
}

func pick(from map[string]string, keys []string) workload.Values {
	found := map[string]string{}
	for _, k := range keys {
		if v, ok := from[k]; ok {
			found[k] = v
		}
	}
	return workload.NewValues(found)
}

// version of an object is made of what it holds.
func version(m map[string]string) string { return fmt.Sprint(m) }

// SetConfiguration implements [k3s.Cluster].
func (n *Node) SetConfiguration(_ context.Context, _ string, sync workload.ConfigSync, at, to kube.Configuration) (c kube.Configuration, err error) {
	put := func(name, seen string, keys []string, into *map[string]string, values workload.Values) error {
		return n.do("SetConfiguration "+name, func() error {
			if version(*into) != seen {
				return fault.New(fault.Stale, "%s has changed since it was looked at", name)
			}
			next := maps.Clone(*into)
			for _, k := range keys {
				delete(next, k)
				if v, ok := values.Get(k); ok {
					next[k] = v
				}
			}
			*into = next
			return nil
		})
	}
	if err := put(sync.Secret, at.SecretVersion, sync.Credentials, &n.secret, to.Credentials); err != nil {
		return kube.Configuration{}, err
	}
	if err := put(sync.ConfigMap, at.MapVersion, sync.Settings, &n.settings, to.Settings); err != nil {
		return kube.Configuration{}, err
	}
	return n.Configuration(context.Background(), "", sync)
}
