package kube

import (
	"context"
	"encoding/json"
	"fmt"
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
		if _, err := k.Kubectl(ctx, "rollout", "status", "deployment/"+deployment.Name, "--namespace", spec.Ref.Scope(), "--timeout", upTime.String()); err != nil {
			return err
		}
	}
	return nil
}

// Health is what the Service of a workload's first Deployment answers through the API server's proxy.
func (k *Cluster) Health(ctx context.Context, spec workload.Spec) (string, error) {
	d := spec.Kubernetes.Deployments[0]
	return k.Raw(ctx, fmt.Sprintf("/api/v1/namespaces/%s/services/http:%s:%d/proxy%s", spec.Ref.Scope(), d.Service, d.Probe.Port, d.Probe.Path))
}

// Manifest is how a service of the catalog runs in Kubernetes: each of its Deployments with a container that gets what a deploy
// writes, and the Service, if any, that is asked for its health. values are the deploy keys' without prefix, such as
// [workload.KeyCommit]; what is not among them is empty.
func Manifest(spec workload.Spec, image string, values map[string]string) ([]byte, error) {
	if spec.Kubernetes == nil {
		return nil, fmt.Errorf("%s does not run in Kubernetes", spec.Ref)
	}
	var items []any
	env, stamps := deployKeys(spec, values)
	for _, d := range spec.Kubernetes.Deployments {
		labels := map[string]any{"app": d.Name}
		container := map[string]any{"name": d.Container, "image": image, "imagePullPolicy": "IfNotPresent", "env": env}
		if d.Service != "" {
			port := d.Probe.Port
			items = append(items, object("v1", "Service", spec, d.Service, map[string]any{
				"selector": labels, "ports": []any{map[string]any{"name": "http", "port": port, "targetPort": port}},
			}, nil))
			container["ports"] = []any{map[string]any{"containerPort": port}}
			container["readinessProbe"] = map[string]any{"httpGet": map[string]any{"path": d.Probe.Path, "port": port}, "periodSeconds": 1}
		}
		items = append(items, object("apps/v1", "Deployment", spec, d.Name, map[string]any{
			"replicas": 1,
			"selector": map[string]any{"matchLabels": labels},
			"template": map[string]any{
				"metadata": map[string]any{"labels": labels, "annotations": stamps},
				"spec":     map[string]any{"containers": []any{container}, "terminationGracePeriodSeconds": 1},
			},
		}, stamps))
	}
	return json.MarshalIndent(map[string]any{"apiVersion": "v1", "kind": "List", "items": items}, "", "  ")
}

func object(version, kind string, spec workload.Spec, name string, of map[string]any, annotations map[string]any) map[string]any {
	return map[string]any{
		"apiVersion": version, "kind": kind, "spec": of,
		"metadata": map[string]any{"namespace": spec.Ref.Scope(), "name": name, "annotations": annotations},
	}
}

// deployKeys are what a deploy writes: variables of the container, and annotations.
func deployKeys(spec workload.Spec, values map[string]string) (env []any, stamps map[string]any) {
	stamps = map[string]any{}
	for _, key := range workload.Keys() {
		env = append(env, map[string]any{"name": spec.KeyPrefix + key, "value": values[key]})
		stamps[workload.Annotation(key)] = values[key]
	}
	return env, stamps
}
