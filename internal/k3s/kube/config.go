package kube

import (
	"context"
	"encoding/base64"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Configuration is what a Secret and a ConfigMap have under the keys of a
// [workload.ConfigSync]. Keys that they lack are not in it.
type Configuration struct {
	// Missing are the objects that do not exist, each as "secret NAMESPACE/NAME".
	Missing []string
	// SecretVersion and MapVersion are the resource versions that guard a write.
	SecretVersion, MapVersion string
	Credentials, Settings     workload.Values

	secretData, mapData bool // whether the objects have data at all
}

// Configuration reads both objects. One that does not exist is no error: it is [Configuration.Missing].
func (c *Cluster) Configuration(ctx context.Context, namespace string, sync workload.ConfigSync) (of Configuration, err error) {
	raw, err := c.object(ctx, secret("get", namespace, sync.Secret), "secret", &of)
	if err != nil {
		return Configuration{}, err
	}
	of.SecretVersion, of.secretData, of.Credentials = credentials(raw, sync.Credentials)
	raw, err = c.object(ctx, configMap("get", namespace, sync.ConfigMap), "configmap", &of)
	if err != nil {
		return Configuration{}, err
	}
	of.MapVersion, of.mapData, of.Settings = settings(raw, sync.Settings)
	return of, nil
}

// object reads a Secret or a ConfigMap, and adds it to what is missing if it is not there.
func (c *Cluster) object(ctx context.Context, right Right, kind string, of *Configuration) ([]byte, error) {
	raw, err := c.do(ctx, request{right: right})
	if apierrors.IsNotFound(err) {
		of.Missing = append(of.Missing, kind+" "+right.object())
		return nil, nil
	}
	return raw, c.explain(ctx, right, err)
}

// SetConfiguration makes the placed keys what to has: a key without a value there is
// removed, so that the former configuration can be put back. All other keys stay. Nothing
// is written to an object that has the values already. The Secret is written first; if
// the ConfigMap then fails, the Secret stays written. It fails with STALE if an object
// has another version than in at.
func (c *Cluster) SetConfiguration(ctx context.Context, namespace string, sync workload.ConfigSync, at, to Configuration) (Configuration, error) {
	if !alike(at.Credentials, to.Credentials, sync.Credentials) {
		raw, err := c.write(ctx, write{
			to: secret("patch", namespace, sync.Secret), version: at.SecretVersion, private: true,
			patch: become("/data", at.secretData, at.Credentials.Keys(), texts(to.Credentials, sync.Credentials, func(v string) string { return base64.StdEncoding.EncodeToString([]byte(v)) })),
			applied: func(raw []byte) bool {
				_, _, now := credentials(raw, sync.Credentials)
				return alike(now, to.Credentials, sync.Credentials)
			},
		})
		if err != nil {
			return Configuration{}, err
		}
		at.SecretVersion, at.secretData, at.Credentials = credentials(raw, sync.Credentials)
	}
	if !alike(at.Settings, to.Settings, sync.Settings) {
		raw, err := c.write(ctx, write{
			to: configMap("patch", namespace, sync.ConfigMap), version: at.MapVersion, private: true,
			patch: become("/data", at.mapData, at.Settings.Keys(), texts(to.Settings, sync.Settings, func(v string) string { return v })),
			applied: func(raw []byte) bool {
				_, _, now := settings(raw, sync.Settings)
				return alike(now, to.Settings, sync.Settings)
			},
		})
		if err != nil {
			return Configuration{}, err
		}
		at.MapVersion, at.mapData, at.Settings = settings(raw, sync.Settings)
	}
	return at, nil
}

func credentials(raw []byte, placed []string) (version string, data bool, values workload.Values) {
	var o corev1.Secret
	_ = json.Unmarshal(raw, &o) // without values it counts as another object
	found := map[string]string{}
	for _, key := range placed {
		if value, ok := o.Data[key]; ok {
			found[key] = string(value)
		}
	}
	return o.ResourceVersion, o.Data != nil, workload.NewValues(found)
}

func settings(raw []byte, placed []string) (version string, data bool, values workload.Values) {
	var o corev1.ConfigMap
	_ = json.Unmarshal(raw, &o)
	found := map[string]string{}
	for _, key := range placed {
		if value, ok := o.Data[key]; ok {
			found[key] = value
		}
	}
	return o.ResourceVersion, o.Data != nil, workload.NewValues(found)
}

// alike reports whether two have the same values under the placed keys.
func alike(a, b workload.Values, placed []string) bool {
	for _, key := range placed {
		x, inA := a.Get(key)
		y, inB := b.Get(key)
		if x != y || inA != inB {
			return false
		}
	}
	return true
}

// texts returns the placed values as an object holds them.
func texts(v workload.Values, placed []string, form func(string) string) map[string]string {
	m := map[string]string{}
	for _, key := range placed {
		if value, ok := v.Get(key); ok {
			m[key] = form(value)
		}
	}
	return m
}
