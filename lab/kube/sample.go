package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// Deploy brings a version of a service live without the product: it has containerd pull the image by digest, names it as the
// Deployments will, applies [Manifest] and waits until every Deployment has rolled out.
func (k *Cluster) Deploy(ctx context.Context, spec workload.Spec, v lab.Summary) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("deploy %s at %.12s: %w", spec.Ref, v.SourceCommit, err)
		}
	}()
	if err := k.Pull(ctx, v.DigestRef); err != nil {
		return err
	}
	if err := k.Tag(ctx, v.DigestRef, v.ImageRef); err != nil {
		return err
	}
	manifest, err := Manifest(spec, v.ImageRef, map[string]string{
		workload.KeyCommit: v.SourceCommit, workload.KeyRequestedCommit: v.SourceCommit, workload.KeyImage: v.ImageRef,
		workload.KeyDigest: v.Digest, workload.KeyServiceID: v.ServiceID, workload.KeySourceRepo: v.SourceRepo,
		workload.KeyDeployedAt: time.Now().UTC().Format(time.RFC3339),
	})
	if err != nil {
		return err
	}
	if err := k.Apply(ctx, manifest); err != nil {
		return err
	}
	for _, deployment := range spec.Kubernetes.Deployments {
		if _, err := k.Kubectl(ctx, "rollout", "status", "deployment/"+deployment, "--namespace", spec.Ref.Scope(), "--timeout", upTime.String()); err != nil {
			return err
		}
	}
	return nil
}

// Health is what a service's Service answers through the API server's proxy.
func (k *Cluster) Health(ctx context.Context, spec workload.Spec) (string, error) {
	return k.Raw(ctx, fmt.Sprintf("/api/v1/namespaces/%s/services/http:%s:%d/proxy%s", spec.Ref.Scope(), spec.Kubernetes.Service, spec.Kubernetes.Port, spec.Probe.Path))
}

// Manifest is how a service of the catalog runs in Kubernetes: each of its Deployments with a container that is told what a deploy
// writes, and the Service that is asked for their health. values are the deploy keys' without prefix, such as [workload.KeyCommit]; what
// is not among them is empty. The objects are marked as made by k3s from a manifest of its own, as those are that k3s's deploy
// controller keeps.
func Manifest(spec workload.Spec, image string, values map[string]string) ([]byte, error) {
	if spec.Kubernetes == nil {
		return nil, fmt.Errorf("%s does not run in Kubernetes", spec.Ref)
	}
	k := spec.Kubernetes
	selector := map[string]any{"unidesk.dev/service": k.Service}
	items := []any{object("v1", "Service", spec, k.Service, map[string]any{
		"selector": selector, "ports": []any{map[string]any{"name": "http", "port": k.Port, "targetPort": spec.Probe.Port}},
	}, nil)}
	env, stamps := deployKeys(spec, values)
	for _, name := range k.Deployments {
		labels := map[string]any{"app": name, "unidesk.dev/service": k.Service}
		items = append(items, object("apps/v1", "Deployment", spec, name, map[string]any{
			"replicas": 1,
			"selector": map[string]any{"matchLabels": map[string]any{"app": name}},
			"template": map[string]any{
				"metadata": map[string]any{"labels": labels, "annotations": stamps},
				"spec": map[string]any{"containers": []any{map[string]any{
					"name": k.Container, "image": image, "imagePullPolicy": "IfNotPresent", "env": env,
					"ports":          []any{map[string]any{"containerPort": spec.Probe.Port}},
					"readinessProbe": map[string]any{"httpGet": map[string]any{"path": spec.Probe.Path, "port": spec.Probe.Port}, "periodSeconds": 1},
				}}},
			},
		}, stamps))
	}
	return json.MarshalIndent(map[string]any{"apiVersion": "v1", "kind": "List", "items": items}, "", "  ")
}

// object is one that k3s made.
func object(version, kind string, spec workload.Spec, name string, of map[string]any, annotations map[string]any) map[string]any {
	owned := map[string]any{
		"objectset.rio.cattle.io/id": "", "objectset.rio.cattle.io/owner-gvk": "k3s.cattle.io/v1, Kind=Addon",
		"objectset.rio.cattle.io/owner-name": spec.Ref.Name(), "objectset.rio.cattle.io/owner-namespace": "kube-system",
	}
	maps.Copy(owned, annotations)
	return map[string]any{
		"apiVersion": version, "kind": kind, "spec": of,
		"metadata": map[string]any{
			"namespace": spec.Ref.Scope(), "name": name, "annotations": owned,
			"labels": map[string]any{"objectset.rio.cattle.io/hash": "0000000000000000000000000000000000000000"},
		},
	}
}

// deployKeys are what a deploy writes: variables of the container, and annotations.
func deployKeys(spec workload.Spec, values map[string]string) (env []any, stamps map[string]any) {
	stamps = map[string]any{}
	for _, key := range workload.Keys() {
		env = append(env, map[string]any{"name": spec.KeyPrefix + key, "value": values[key]})
		stamps["unidesk.dev/deploy-"+strings.ToLower(strings.ReplaceAll(key, "_", "-"))] = values[key]
	}
	return env, stamps
}
