package k3stest

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Deployments implements [k3s.Cluster].
func (n *Node) Deployments(_ context.Context, spec workload.Spec) (all []kube.Deployment, err error) {
	err = n.do("Deployments", func() error {
		for _, place := range spec.Kubernetes.Deployments {
			d := n.deployments[place.Name]
			if d == nil {
				return fault.New(fault.WorkloadNotFound, "there is no Deployment %s/%s", n.spec.Ref.Scope(), place.Name)
			}
			out := n.show(d)
			for _, p := range d.pods {
				in := p.in
				in.Current, in.Revision, in.Stamped = p.revision == d.revision(), d.place.Name+"-"+p.revision[:8], maps.Clone(in.Stamped)
				out.Pods = append([]workload.Instance{in}, out.Pods...)
			}
			all = append(all, out)
		}
		return nil
	})
	return all, err
}

// show is a Deployment without its pods.
func (n *Node) show(d *deployment) kube.Deployment {
	placed := d.template.placed(d.place.Container)
	def := workload.DeploymentDefinition{
		Generation: d.generation, Seen: d.seen, Image: placed.Image, PullPolicy: placed.ImagePullPolicy, Strategy: "RollingUpdate",
		Replicas: workload.Replicas{Want: d.replicas}, ProgressDeadline: d.slow, Trouble: d.trouble,
	}
	if d.place.Service != "" {
		def.Exposures = []workload.Exposure{{Service: d.place.Service, Type: "ClusterIP"}}
	}
	for _, c := range d.template.Spec.Containers {
		def.Containers = append(def.Containers, c.Name)
	}
	for key, value := range d.template.Metadata.Annotations {
		for _, k := range workload.Keys() {
			if workload.Annotation(k) == key {
				if def.Annotated == nil {
					def.Annotated = map[string]string{}
				}
				def.Annotated[k] = value
			}
		}
	}
	if d.seen == d.generation {
		def.Revision = d.place.Name + "-" + d.revision()[:8]
	}
	for _, p := range d.pods {
		switch {
		case p.revision != d.revision():
			def.Replicas.Old++
			if p.in.Running && p.in.Trouble == "" {
				def.Replicas.Ready, def.Replicas.Available = def.Replicas.Ready+1, def.Replicas.Available+1
			}
		default:
			def.Replicas.Updated++
			if p.in.Running && p.in.Trouble == "" {
				def.Replicas.Ready, def.Replicas.Available = def.Replicas.Ready+1, def.Replicas.Available+1
			}
		}
	}
	return kube.Deployment{
		Namespace: n.spec.Ref.Scope(), Name: d.place.Name, UID: d.uid, Version: d.version, Change: d.template.Metadata.Annotations[workload.ChangeAnnotation],
		Template: d.template.raw(), Annotations: maps.Clone(d.annotations), Stamped: placed.stamped(n.spec.KeyPrefix), Definition: def,
	}
}

// Stamp implements [k3s.Cluster].
func (n *Node) Stamp(_ context.Context, d kube.Deployment, s kube.Stamp) (out kube.Deployment, err error) {
	err = n.do("Stamp "+d.Name, func() error {
		own, err := n.guarded(d)
		if err != nil {
			return err
		}
		own.annotations = map[string]string{}
		for _, key := range workload.Keys() {
			own.annotations[workload.Annotation(key)] = s.Values[key]
		}
		n.become(own, n.made(own.template, s))
		out = n.show(own)
		return nil
	})
	return out, err
}

// made is what a stamp makes of a template.
func (n *Node) made(of template, s kube.Stamp) template {
	t := of.clone()
	c := t.placed(s.Container)
	if c.Image = s.Image; n.Admit != nil {
		c.Image = n.Admit(s.Image)
	}
	t.Metadata.Annotations = map[string]string{workload.ChangeAnnotation: s.Change}
	for _, key := range workload.Keys() {
		c.set(s.KeyPrefix+key, s.Values[key])
		t.Metadata.Annotations[workload.Annotation(key)] = s.Values[key]
	}
	return t
}

// Bears implements [k3s.Cluster].
func (n *Node) Bears(_ context.Context, d kube.Deployment, s kube.Stamp, former json.RawMessage) (bears bool, err error) {
	err = n.do("Bears "+d.Name, func() error {
		var t template
		if err := json.Unmarshal(former, &t); err != nil {
			return fault.New(fault.Internal, "no template: %w", err)
		}
		bears = d.Change == s.Change && bytes.Equal(n.made(t, s).raw(), d.Template)
		return nil
	})
	return bears, err
}

// Restore implements [k3s.Cluster].
func (n *Node) Restore(_ context.Context, d kube.Deployment, s kube.Stamp, to kube.Former) (out kube.Deployment, err error) {
	err = n.do("Restore "+d.Name, func() error {
		own, err := n.guarded(d)
		if err != nil {
			return err
		}
		if d.Change != s.Change {
			return fault.New(fault.Stale, "Deployment %s does not bear change %s any more", d.Name, s.Change)
		}
		var t template
		if err := json.Unmarshal(to.Template, &t); err != nil {
			return fault.New(fault.RolloutFailed, "no template: %w", err)
		}
		own.annotations = maps.Clone(to.Annotations)
		n.become(own, t)
		out = n.show(own)
		return nil
	})
	return out, err
}

func (n *Node) guarded(d kube.Deployment) (*deployment, error) {
	own := n.deployments[d.Name]
	switch {
	case own == nil:
		return nil, fault.New(fault.WorkloadNotFound, "there is no Deployment %s", d.Name)
	case own.version != d.Version || own.uid != d.UID:
		return nil, fault.New(fault.Stale, "Deployment %s has changed since it was looked at", d.Name)
	}
	return own, nil
}

// become changes what is wanted of a Deployment.
func (n *Node) become(d *deployment, t template) {
	d.template = t
	d.generation++
	n.touch(d)
}

// Neighbours implements [k3s.Cluster].
func (n *Node) Neighbours(_ context.Context, namespace string) (all []workload.Neighbour, err error) {
	err = n.do("Neighbours", func() error {
		for name, d := range n.deployments {
			for _, p := range d.pods {
				all = append(all, workload.Neighbour{
					ID: p.in.ID, Name: p.in.Name, Scope: namespace, Group: name, Running: p.in.Running, Started: p.in.Started, Restarts: p.in.Restarts,
				})
			}
		}
		return nil
	})
	return all, err
}

// Logs implements [k3s.Cluster].
func (n *Node) Logs(_ context.Context, _, pod, container string, tail workload.Tail, previous bool) (out []byte, err error) {
	err = n.do("Logs "+pod, func() error {
		if !tail.After.IsZero() { // it printed all at its start
			return nil
		}
		text := "hello from " + container + " of " + pod + "\n" + n.Output
		if previous {
			text = "the last words of " + container + "\n" + n.Output
		}
		all := strings.Split(strings.TrimRight(text, "\n"), "\n")
		for _, line := range all[max(0, len(all)-tail.Lines):] {
			out = append(out, time.Now().UTC().Format(time.RFC3339Nano)+" "+line+"\n"...)
		}
		return nil
	})
	return out, err
}

// Ask implements [k3s.Cluster].
func (n *Node) Ask(_ context.Context, _, service string, _ workload.Probe, _ int64) (answer kube.Answer, err error) {
	err = n.do("Ask "+service, func() error {
		if answer = (kube.Answer{Unreached: "no endpoints available"}); n.Health != nil {
			answer = n.Health(service)
		}
		return nil
	})
	return answer, err
}
