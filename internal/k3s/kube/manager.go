package kube

import (
	"context"
	"encoding/json"
	"strings"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// What the managers write on an object: k3s's addons (wrangler's object sets), Helm,
// Argo CD (its annotation, or the label of its older tracking), Flux.
const (
	addonKind      = "objectset.rio.cattle.io/owner-gvk"
	addonName      = "objectset.rio.cattle.io/owner-name"
	addonNamespace = "objectset.rio.cattle.io/owner-namespace"
	addonGroup     = "k3s.cattle.io/v1, Kind=Addon"

	helmManaged = "app.kubernetes.io/managed-by"
	helmRelease = "meta.helm.sh/release-name"

	argoID       = "argocd.argoproj.io/tracking-id"
	argoInstance = "argocd.argoproj.io/instance"

	fluxKustomization = "kustomize.toolkit.fluxcd.io/name"
	fluxRelease       = "helm.toolkit.fluxcd.io/name"
)

// manifests is where k3s reads the manifests of its addons, each named as its addon.
const manifests = "/var/lib/rancher/k3s/server/manifests/"

// manage fills in who manages the Deployment. k3s applies an addon's manifest again when
// the file changes and at each start of its own, Flux at each interval: both undo a
// change of the Deployment. Helm and Argo CD need not.
func (c *Cluster) manage(ctx context.Context, d *workload.DeploymentDefinition, o *appsv1.Deployment) {
	labels, notes := o.Labels, o.Annotations
	argo, _, _ := strings.Cut(notes[argoID], ":")
	if argo == "" {
		argo = labels[argoInstance]
	}
	switch {
	case notes[addonKind] == addonGroup:
		d.Manager, d.PutsBack = "k3s addon "+notes[addonName], true
		d.Source = c.manifest(ctx, notes[addonNamespace], notes[addonName])
	case labels[fluxKustomization] != "":
		d.Manager, d.PutsBack = "Flux Kustomization "+labels[fluxKustomization], true
	case labels[fluxRelease] != "":
		d.Manager = "Flux HelmRelease " + labels[fluxRelease]
	case argo != "":
		d.Manager = "Argo CD application " + argo
	case notes[helmRelease] != "" && labels[helmManaged] == "Helm":
		d.Manager = "Helm release " + notes[helmRelease]
	}
	d.Manager = words(d.Manager)
}

// manifest returns the file that the addon names, or a file of the addon's name if the
// addon cannot be read: no right to read addons is asked for.
func (c *Cluster) manifest(ctx context.Context, namespace, name string) string {
	if !workload.KubernetesName.Match(namespace) || !workload.KubernetesName.Match(name) {
		return manifests
	}
	var addon struct{ Spec struct{ Source string } }
	raw, err := c.do(ctx, request{right: rights.Right{Verb: "get", Group: "k3s.cattle.io", Resource: "addons", Namespace: namespace, Name: name}})
	if err != nil || json.Unmarshal(raw, &addon) != nil || addon.Spec.Source == "" {
		return manifests + name + ".yaml"
	}
	return words(addon.Spec.Source)
}
