package placement

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Check compares a host's placement of a workload with the wanted placement. It returns no
// check if they are the same, else a check that fails. Its fix has the lines to write.
func Check(want, have workload.Spec) []proof.Check {
	differences := Differences(want, have)
	if len(differences) == 0 {
		return nil
	}
	var lines string
	var err error
	if want.Kubernetes != nil {
		lines, err = OfNamespace(want.Ref.Scope(), want).YAML(6)
	} else {
		lines, err = Of(want.Ref.Scope(), want).YAML(4)
	}
	if err != nil {
		lines = err.Error() + "\n"
	}
	return []proof.Check{{
		Name: "placement", Reason: fault.WorkloadUnfit, Detail: "is another one than the catalog's: " + strings.Join(differences, "; "),
		Fix: "as root, write\n" + lines + "and restart the agent: systemctl restart unidesk-agent",
	}}
}

// Differences returns what a host's placement of a workload has otherwise than
// wanted, a clause each; none if they are the same. Secrets, flags and keys have no
// order; Deployments have.
func Differences(want, have workload.Spec) (list []string) {
	if !have.Placed() {
		return []string{"it says nothing but the service's name"}
	}
	differ := func(key string, want, have any) {
		if w, h := fmt.Sprint(want), fmt.Sprint(have); w != h {
			list = append(list, fmt.Sprintf("%s is %s, want %s", key, h, w))
		}
	}
	if want.Compose != nil && have.Compose != nil {
		differ("container", want.Compose.ContainerName, have.Compose.ContainerName)
		differ("image", want.Compose.Image, have.Compose.Image)
	}
	if want.Kubernetes != nil && have.Kubernetes != nil {
		differ("deployments", words(*want.Kubernetes), words(*have.Kubernetes))
		differ("sync", sync(want.Kubernetes.Sync), sync(have.Kubernetes.Sync))
	}
	differ("keyPrefix", want.KeyPrefix, have.KeyPrefix)
	differ("secrets", set(want.Secrets), set(have.Secrets))
	differ("probe.port", want.Probe.Port, have.Probe.Port)
	differ("probe.path", want.Probe.Path, have.Probe.Path)
	differ("probe.flags", set(want.Probe.Flags), set(have.Probe.Flags))
	return list
}

func set(list []string) []string { return slices.Sorted(slices.Values(list)) }

// words are what each Deployment is, for people.
func words(k workload.KubernetesSpec) (list []string) {
	for _, d := range k.Deployments {
		asked := "no service"
		if d.Service != "" {
			asked = fmt.Sprintf("service %s:%d%s %v", d.Service, d.Probe.Port, d.Probe.Path, set(d.Probe.Flags))
		}
		list = append(list, fmt.Sprintf("%s (container %s, %s)", d.Name, d.Container, asked))
	}
	return list
}

func sync(s *workload.ConfigSync) string {
	if s == nil {
		return "none"
	}
	return fmt.Sprintf("secret %s %v, configmap %s %v", s.Secret, set(s.Credentials), s.ConfigMap, set(s.Settings))
}
