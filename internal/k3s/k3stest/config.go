package k3stest

import (
	"context"
	"fmt"
	"maps"

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
	return kube.Configuration{Credentials: pick(n.secret, sync.Credentials), Settings: pick(n.settings, sync.Settings)}
}

func pick(from map[string]string, keys []string) kube.Placed {
	if from == nil {
		return kube.Placed{}
	}
	found := map[string]string{}
	for _, k := range keys {
		if v, ok := from[k]; ok {
			found[k] = v
		}
	}
	return kube.Placed{Values: workload.NewValues(found), Version: version(from)}
}

// version of an object is made of what it holds.
func version(m map[string]string) string { return fmt.Sprint(m) }

// SetConfiguration implements [k3s.Cluster].
func (n *Node) SetConfiguration(_ context.Context, _ string, sync workload.ConfigSync, at, to kube.Configuration) (c kube.Configuration, err error) {
	put := func(name string, keys []string, into *map[string]string, at, to kube.Placed) error {
		return n.do("SetConfiguration "+name, func() error {
			if *into == nil || version(*into) != at.Version {
				return fault.New(fault.Stale, "%s has changed since it was looked at", name)
			}
			next := maps.Clone(*into)
			for _, k := range keys {
				delete(next, k)
				if v, ok := to.Get(k); ok {
					next[k] = v
				}
			}
			*into = next
			return nil
		})
	}
	if err := put("Secret "+sync.Secret, sync.Credentials, &n.secret, at.Credentials, to.Credentials); err != nil {
		return kube.Configuration{}, err
	}
	if err := put("ConfigMap "+sync.ConfigMap, sync.Settings, &n.settings, at.Settings, to.Settings); err != nil {
		return kube.Configuration{}, err
	}
	return n.Configuration(context.Background(), "", sync)
}
