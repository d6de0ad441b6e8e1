package k3s

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Synced is what the synced keys had, and what recognizes the values that the change
// gives them: no record holds those.
type Synced struct {
	Former map[string]string `json:"former,omitempty"`
	// Salt makes each of Written, an HMAC-SHA256 of a value, this record's own.
	Salt    string            `json:"salt"`
	Written map[string]string `json:"written"`
}

func (s Synced) sum(value string) string {
	mac := hmac.New(sha256.New, []byte(s.Salt))
	mac.Write([]byte(value))
	return hex.EncodeToString(mac.Sum(nil))
}

// wrote reports whether the change wrote this value of a key.
func (s Synced) wrote(key, value string, there bool) bool {
	return there && hmac.Equal([]byte(s.Written[key]), []byte(s.sum(value)))
}

// values are all that a pod may have been given of the synced keys in the course of a change.
func (s *Synced) values(brought workload.Values) (all []string) {
	if s == nil {
		return nil
	}
	for key := range s.Written {
		v, _ := brought.Get(key)
		all = append(all, v, s.Former[key])
	}
	return all
}

// record returns what there is to know before a sync.
func record(sync workload.ConfigSync, now kube.Configuration, values workload.Values) (*Synced, error) {
	s := &Synced{Former: map[string]string{}, Salt: rand.Text(), Written: map[string]string{}}
	var missing []string
	for _, key := range sync.Keys() {
		if v, ok := current(now, key); ok {
			s.Former[key] = v
		}
		v, ok := values.Get(key)
		if !ok {
			missing = append(missing, key)
		}
		s.Written[key] = s.sum(v)
	}
	if len(missing) > 0 {
		return nil, fault.New(fault.InvalidRequest, "the workload takes configuration, and the request brings no value of %s", strings.Join(missing, ", ")).
			WithHint("add the keys to `auth` in the master's config.json")
	}
	return s, nil
}

// current returns a placed key's value. No key is placed in both objects.
func current(c kube.Configuration, key string) (string, bool) {
	if v, ok := c.Credentials.Get(key); ok {
		return v, true
	}
	return c.Settings.Get(key)
}

// configure writes the configuration, and returns what it did. It finds by the values
// whether that was done already.
func (r *Runtime) configure(ctx context.Context, spec workload.Spec, change workload.Change, before *Synced) (said string, err error) {
	sync := spec.Kubernetes.Sync
	if sync == nil || before == nil {
		return "no configuration to write", nil
	}
	said = fmt.Sprintf("%s are in Secret %s and ConfigMap %s", strings.Join(sync.Keys(), ", "), sync.Secret, sync.ConfigMap)
	err = r.write(ctx, spec, func(now kube.Configuration) (kube.Configuration, bool, error) {
		done, missing := true, []string(nil)
		for _, key := range sync.Keys() {
			v, there := current(now, key)
			if before.wrote(key, v, there) {
				continue
			}
			done = false
			if former, had := before.Former[key]; there != had || v != former {
				return now, false, fault.New(fault.Stale, "somebody changed %s in %s since the change began", key, objectOf(spec, key)).
					WithHint("revert the change; the value of somebody else stays")
			}
			if v, ok := change.Values.Get(key); !ok || before.Written[key] != before.sum(v) {
				missing = append(missing, key)
			}
		}
		if len(missing) > 0 {
			return now, false, fault.New(fault.InvalidRequest, "the change goes on, but %s are not written yet, and no record holds their values", strings.Join(missing, ", ")).
				WithHint("give the same values again, or revert the change")
		}
		return both(change.Values), !done, nil
	})
	return said, err
}

// unconfigure puts former values back, but for those that another writer changed since.
func (r *Runtime) unconfigure(ctx context.Context, spec workload.Spec, before *Synced, emit func(workload.Event)) error {
	sync := spec.Kubernetes.Sync
	if sync == nil || before == nil {
		return nil
	}
	return r.write(ctx, spec, func(now kube.Configuration) (kube.Configuration, bool, error) {
		back, changed := map[string]string{}, false
		for _, key := range sync.Keys() {
			v, there := current(now, key)
			former, had := before.Former[key]
			switch same := there == had && v == former; {
			case !same && before.wrote(key, v, there):
				changed, v, there = true, former, had
			case !same:
				emit(workload.Event{Point: workload.PointSettle, Warning: true, Text: fmt.Sprintf("somebody changed %s in %s: it stays; set it by hand if the former value is to come back", key, objectOf(spec, key))})
			}
			if there {
				back[key] = v
			}
		}
		return both(workload.NewValues(back)), changed, nil
	})
}

// both gives each object those of the values that are placed in it.
func both(v workload.Values) kube.Configuration {
	return kube.Configuration{Credentials: kube.Placed{Values: v}, Settings: kube.Placed{Values: v}}
}

// write brings the synced objects to what become makes of them, whatever else is written
// to them meanwhile.
func (r *Runtime) write(ctx context.Context, spec workload.Spec, become func(now kube.Configuration) (to kube.Configuration, change bool, err error)) error {
	ns, sync := spec.Ref.Scope(), *spec.Kubernetes.Sync
	return r.racing(ctx, func() error {
		now, err := r.cluster.Configuration(ctx, ns, sync)
		if err != nil {
			return err
		}
		to, change, err := become(now)
		if err != nil || !change {
			return err
		}
		if _, err = r.cluster.SetConfiguration(ctx, ns, sync, now, to); err != nil {
			return lost(err)
		}
		return nil
	})
}

// objectOf names the object that holds a key.
func objectOf(spec workload.Spec, key string) string {
	sync := spec.Kubernetes.Sync
	for _, k := range sync.Credentials {
		if k == key {
			return "Secret " + spec.Ref.Scope() + "/" + sync.Secret
		}
	}
	return "ConfigMap " + spec.Ref.Scope() + "/" + sync.ConfigMap
}
