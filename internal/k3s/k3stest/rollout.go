package k3stest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Watch implements [k3s.Cluster]: each Deployment makes a step after each look.
func (n *Node) Watch(ctx context.Context, _ string, names []string, wake func()) {
	for ctx.Err() == nil {
		wake()
		n.mu.Lock()
		for _, name := range names {
			if d := n.deployments[name]; d != nil {
				n.step(d)
			}
		}
		n.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(time.Millisecond):
		}
	}
}

// revision identifies a pod template.
func (d *deployment) revision() string {
	return artifact.DigestOf(d.template.raw()).Hex()
}

// step moves a rollout by a single act of a controller or the kubelet, and reports
// whether there was an act to do. New pods come before old ones go.
func (n *Node) step(d *deployment) bool {
	if d.seen != d.generation {
		d.seen = d.generation
		n.touch(d)
		return true
	}
	now, ready := d.revision(), 0
	current := 0
	for _, p := range d.pods {
		if p.revision != now {
			continue
		}
		current++
		if !p.in.Running && p.in.Trouble == "" {
			n.start(p)
			n.touch(d)
			return true
		}
		if p.in.Running && p.in.Trouble == "" {
			ready++
		}
	}
	switch {
	case current < d.replicas && d.trouble == "":
		n.create(d, now)
	case current > d.replicas:
		d.pods = slices.Delete(d.pods, 0, 1)
	case ready == d.replicas && len(d.pods) > current:
		i := slices.IndexFunc(d.pods, func(p *pod) bool { return p.revision != now })
		d.pods = slices.Delete(d.pods, i, i+1)
	default:
		return false
	}
	n.touch(d)
	return true
}

func (n *Node) create(d *deployment, revision string) {
	n.version++
	c := d.template.placed(d.place.Container)
	image := c.Image
	if n.AdmitPod != nil {
		image = n.AdmitPod(image)
	}
	d.pods = append(d.pods, &pod{revision: revision, in: workload.Instance{
		ID: fmt.Sprintf("pod-%d-of-%s", n.version, d.place.Name), Name: fmt.Sprintf("%s-%s-%d", d.place.Name, revision[:8], n.version),
		Unit: d.place.Name, Image: image, Created: n.now(), Stamped: c.stamped(n.spec.KeyPrefix),
	}})
}

// start is what the kubelet does with a pod.
func (n *Node) start(p *pod) {
	image, there := n.find(p.in.Image)
	if !there {
		p.in.Trouble = "ErrImagePull: " + p.in.Image + ": not found"
		return
	}
	if p.in.ImageID = image.Config.String(); n.Ill != nil {
		if p.in.Trouble = n.Ill(p.in); p.in.Trouble != "" {
			p.in.Restarts = 1
			return
		}
	}
	p.in.Running, p.in.Started = true, n.now()
	p.given = maps.Clone(n.secret)
	maps.Copy(p.given, n.settings)
}
