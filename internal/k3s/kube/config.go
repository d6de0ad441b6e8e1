package kube

import (
	"context"
	"encoding/base64"
	"encoding/json"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Configuration is what a Secret and a ConfigMap have under the keys of a
// [workload.ConfigSync]. Keys that they lack are not in it.
type Configuration struct {
	Credentials, Settings Placed
}

// Placed are the values of an object under the placed keys.
type Placed struct {
	workload.Values
	// Version is the object's resource version, which guards a write; "" if the object
	// does not exist.
	Version string

	// data means that the object has data at all.
	data bool
}

// holder is either of the two objects of a ConfigSync.
type holder struct {
	get, patch     rights.Right
	keys           []string
	encode, decode func(string) string
}

func holders(namespace string, sync workload.ConfigSync) (credentials, settings holder) {
	same := func(v string) string { return v }
	credentials = holder{
		get: rights.Secret("get", namespace, sync.Secret), patch: rights.Secret("patch", namespace, sync.Secret), keys: sync.Credentials,
		encode: func(v string) string { return base64.StdEncoding.EncodeToString([]byte(v)) },
		decode: func(v string) string { raw, _ := base64.StdEncoding.DecodeString(v); return string(raw) },
	}
	settings = holder{
		get: rights.ConfigMap("get", namespace, sync.ConfigMap), patch: rights.ConfigMap("patch", namespace, sync.ConfigMap), keys: sync.Settings,
		encode: same, decode: same,
	}
	return credentials, settings
}

// Configuration reads both objects. A missing object is no error.
func (c *Cluster) Configuration(ctx context.Context, namespace string, sync workload.ConfigSync) (of Configuration, err error) {
	credentials, settings := holders(namespace, sync)
	if of.Credentials, err = c.placed(ctx, credentials); err != nil {
		return Configuration{}, err
	}
	of.Settings, err = c.placed(ctx, settings)
	return of, err
}

func (c *Cluster) placed(ctx context.Context, h holder) (Placed, error) {
	raw, err := c.do(ctx, request{right: h.get})
	if apierrors.IsNotFound(err) {
		return Placed{}, nil
	}
	if err != nil {
		return Placed{}, c.explain(ctx, h.get, err)
	}
	return h.read(raw), nil
}

// SetConfiguration makes the placed keys what to has: a key without a value there is
// removed, so that the former configuration can be put back. All other keys stay. Nothing
// is written to an object that has the values already. The Secret is written first; if
// the ConfigMap then fails, the Secret stays written. It fails with STALE if an object
// has another version than in at.
func (c *Cluster) SetConfiguration(ctx context.Context, namespace string, sync workload.ConfigSync, at, to Configuration) (now Configuration, err error) {
	credentials, settings := holders(namespace, sync)
	if now.Credentials, err = c.place(ctx, credentials, at.Credentials, to.Credentials); err != nil {
		return Configuration{}, err
	}
	now.Settings, err = c.place(ctx, settings, at.Settings, to.Settings)
	return now, err
}

func (c *Cluster) place(ctx context.Context, h holder, at, to Placed) (Placed, error) {
	if h.alike(at, to) {
		return at, nil
	}
	values := map[string]string{}
	for _, key := range h.keys {
		if value, ok := to.Get(key); ok {
			values[key] = h.encode(value)
		}
	}
	raw, err := c.write(ctx, write{
		to: h.patch, version: at.Version, private: true, patch: become("/data", at.data, at.Keys(), values),
		applied: func(raw []byte) bool { return h.alike(h.read(raw), to) },
	})
	if err != nil {
		return Placed{}, err
	}
	return h.read(raw), nil
}

// read returns the placed values of an object.
func (h holder) read(raw []byte) Placed {
	var o struct {
		Metadata metav1.ObjectMeta
		Data     map[string]string
	}
	_ = json.Unmarshal(raw, &o) // without values it counts as another object
	found := map[string]string{}
	for _, key := range h.keys {
		if value, ok := o.Data[key]; ok {
			found[key] = h.decode(value)
		}
	}
	return Placed{Values: workload.NewValues(found), Version: o.Metadata.ResourceVersion, data: o.Data != nil}
}

// alike reports whether two have the same values under the placed keys.
func (h holder) alike(a, b Placed) bool {
	for _, key := range h.keys {
		x, inA := a.Get(key)
		y, inB := b.Get(key)
		if x != y || inA != inB {
			return false
		}
	}
	return true
}
