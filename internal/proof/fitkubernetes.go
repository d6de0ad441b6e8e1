package proof

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// mostProgress is the longest progress deadline of a Deployment that is switched. It is
// Kubernetes' default; an agent's acts have time for it.
const mostProgress = 10 * time.Minute

// FitKubernetes checks that the Deployments, as the cluster has them, can be switched,
// shown to run what they run, and put back. The plan and the host that refuses a
// switch use it alike. A check that only warns holds.
func FitKubernetes(spec workload.Spec, seen workload.Observation) (checks []Check) {
	namespace := spec.Ref.Scope()
	for _, object := range seen.Missing {
		kind, name, _ := strings.Cut(object, " "+namespace+"/")
		checks = append(checks, unfit("object", false, object+" is not there, and a deploy creates nothing", rights.Make(kind, namespace, name)))
	}
	for _, d := range spec.Kubernetes.Deployments {
		name := namespace + "/" + d.Name
		have := seen.Unit(d.Name).Deployment
		if have == nil {
			checks = append(checks, unfit("deployment "+name, false, "is not there, and a deploy creates nothing", "apply its manifest first"))
			continue
		}
		for _, c := range slices.Concat(placed(d, *have), exposed(d, *have), steered(namespace, d, *have)) {
			c.Name = "deployment " + name + " " + c.Name
			checks = append(checks, c)
		}
	}
	return checks
}

// placed checks what the change writes.
func placed(d workload.DeploymentSpec, have workload.DeploymentDefinition) []Check {
	return []Check{
		unfit("container", have.Image != "", "has no container "+d.Container+"; it has "+strings.Join(have.Containers, ", "),
			"correct the container's name in the catalog, or in the Deployment"),
		unfit("other containers", len(have.SameImage) == 0, strings.Join(have.SameImage, ", ")+" run the same image, and a deploy sets that of "+d.Container+" alone",
			"give them an image of their own"),
		unfit("environment", len(have.Computed) == 0, "takes "+strings.Join(have.Computed, ", ")+" from another object (valueFrom)",
			"remove these keys from the manifest: a deploy writes them"),
		unfit("pull policy", have.Image == "" || have.PullPolicy == "IfNotPresent" || have.PullPolicy == "Never",
			"is "+have.PullPolicy+": the kubelet would ask the registry for a tag that may have moved", "set imagePullPolicy: IfNotPresent"),
	}
}

// exposed checks that its Service leads to its pods, and that nothing of it can be
// reached past the cluster.
func exposed(d workload.DeploymentSpec, have workload.DeploymentDefinition) []Check {
	leads := slices.ContainsFunc(have.Exposures, func(e workload.Exposure) bool { return e.Service == d.Service })
	var open []string
	for _, e := range have.Exposures {
		if e.Type == "NodePort" || e.Type == "LoadBalancer" || len(e.NodePorts) > 0 {
			open = append(open, fmt.Sprintf("%s is a %s", e.Service, e.Type))
		}
	}
	return []Check{
		unfit("service", d.Service == "" || leads, "no Service "+d.Service+" selects its pods: its health would be unknown, or another workload's",
			"correct the Service's selector, or its name in the catalog and in agent.yaml"),
		unfit("services", len(open) == 0, strings.Join(open, ", ")+": its pods can be reached from outside the cluster", "make the Service a ClusterIP"),
		unfit("host ports", len(have.HostPorts) == 0, fmt.Sprintf("its pods take %v of the node", have.HostPorts), "remove hostPort from the manifest"),
		unfit("host network", !have.HostNetwork, "its pods use the node's network", "remove hostNetwork from the manifest"),
	}
}

// steered checks that a rollout can go on and that nothing undoes it.
func steered(namespace string, d workload.DeploymentSpec, have workload.DeploymentDefinition) []Check {
	checks := []Check{
		unfit("rollout", !have.Paused, "is paused", fmt.Sprintf("kubectl -n %s rollout resume deployment/%s", namespace, d.Name)),
		unfit("replicas", have.Replicas.Want > 0, "are 0: no pod would run, and nothing could be proven",
			fmt.Sprintf("kubectl -n %s scale --replicas=1 deployment/%s", namespace, d.Name)),
		unfit("progress deadline", have.ProgressDeadline <= mostProgress, fmt.Sprintf("is %s: a deploy waits for a rollout that makes no progress for %s at the most", have.ProgressDeadline, mostProgress),
			fmt.Sprintf("set progressDeadlineSeconds: %d, or less", int(mostProgress.Seconds()))),
		unfit("manager", !have.PutsBack, have.Manager+" puts its own manifest back", "change the manifest that it applies: "+have.Source),
	}
	if have.Strategy == "Recreate" {
		checks = append(checks, warn("strategy", "is Recreate: the service is down between the old pod's end and the new pod's start",
			"use RollingUpdate if the service bears two pods at a time"))
	}
	if have.Autoscaler != "" {
		checks = append(checks, warn("autoscaler", have.Autoscaler+" sets its replicas: a deploy leaves them alone", ""))
	}
	if have.Manager != "" && !have.PutsBack {
		checks = append(checks, warn("manager", have.Manager+" may put another version in its place", "have its source name the commit, too"))
	}
	return checks
}

func warn(name, detail, fix string) Check {
	return Check{Name: name, OK: true, Warning: true, Detail: detail, Fix: fix}
}
