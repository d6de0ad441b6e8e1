package k3stest

import (
	"fmt"
	"maps"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Edit changes the environment of a Deployment's pod template, as a person does.
func (n *Node) Edit(name, key, value string) {
	n.with(name, func(d *deployment) {
		t := d.template.clone()
		t.placed(d.place.Container).set(key, value)
		n.become(d, t)
	})
}

// Mount mounts a volume of a kind, "emptyDir" or "persistentVolumeClaim", into a Deployment's
// container, as a person does.
func (n *Node) Mount(name, kind, path string) {
	n.with(name, func(d *deployment) {
		t := d.template.clone()
		volume := fmt.Sprintf("volume-%d", len(t.Spec.Volumes))
		t.Spec.Volumes = append(t.Spec.Volumes, map[string]any{"name": volume, kind: map[string]any{}})
		c := t.placed(d.place.Container)
		c.VolumeMounts = append(c.VolumeMounts, mount{volume, path})
		n.become(d, t)
	})
}

// Unmark takes the change's id off a pod template, as a tool does that applies its own.
func (n *Node) Unmark(name string) {
	n.with(name, func(d *deployment) {
		t := d.template.clone()
		t.Metadata.Annotations = nil
		n.become(d, t)
	})
}

// Touch moves a Deployment's resource version, as each change of its status does.
func (n *Node) Touch(name string) { n.with(name, n.touch) }

// Evict takes the pods of a Deployment away; others come in their place.
func (n *Node) Evict(name string) {
	n.with(name, func(d *deployment) {
		d.pods = nil
		n.touch(d)
	})
}

// Scale sets how many pods a Deployment wants.
func (n *Node) Scale(name string, replicas int) {
	n.with(name, func(d *deployment) {
		d.replicas = replicas
		d.generation++
		n.touch(d)
	})
}

// Delete removes a Deployment with its pods.
func (n *Node) Delete(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.deployments, name)
}

// Recreate makes a Deployment of the same name and template anew.
func (n *Node) Recreate(name string) {
	n.with(name, func(d *deployment) { d.uid += "-again" })
}

// Reject makes the cluster refuse the pods of a Deployment; "" admits them.
func (n *Node) Reject(name, why string) { n.with(name, func(d *deployment) { d.trouble = why }) }

// Slow sets how long a Deployment may make no progress.
func (n *Node) Slow(name string, d time.Duration) {
	n.with(name, func(of *deployment) { of.slow = d })
}

// Leftover adds a pod of an older revision to a Deployment, which runs an image until the
// rollout has made its steps.
func (n *Node) Leftover(name, image string) {
	n.with(name, func(d *deployment) {
		n.create(d, "0123456789")
		old := d.pods[len(d.pods)-1]
		old.in.Image = image
		n.start(old)
	})
}

// Settle lets all rollouts come to their ends.
func (n *Node) Settle() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, d := range n.deployments {
		for n.step(d) {
		}
	}
}

// Crash ends the pods of a Deployment, which do not come up again.
func (n *Node) Crash(name string) {
	n.with(name, func(d *deployment) {
		for _, p := range d.pods {
			p.in.Running, p.in.Trouble, p.in.ExitCode = false, "CrashLoopBackOff: back-off 10s", 1
			p.in.Restarts++
		}
		n.touch(d)
	})
}

// Unpin takes the pin of an image's name away.
func (n *Node) Unpin(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	image := n.stored[n.names[name]]
	image.Pinned = false
	n.stored[n.names[name]] = image
}

// Put writes a key of the Secret or, if the sync places it there, of the ConfigMap.
func (n *Node) Put(key, value string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	into := &n.secret
	for _, k := range n.spec.Kubernetes.Sync.Settings {
		if k == key {
			into = &n.settings
		}
	}
	*into = maps.Clone(*into)
	(*into)[key] = value
}

// Config is what the Secret and the ConfigMap hold.
func (n *Node) Config() map[string]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := maps.Clone(n.secret)
	maps.Copy(all, n.settings)
	return all
}

// Given is what a pod was given of the synced objects when it started.
func (n *Node) Given(in workload.Instance) (given map[string]string) {
	n.with(in.Unit, func(d *deployment) {
		for _, p := range d.pods {
			if p.in.ID == in.ID {
				given = maps.Clone(p.given)
			}
		}
	})
	return given
}

// LoseSecret removes the Secret.
func (n *Node) LoseSecret() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.secret = nil
}

// Remove takes an image's name away, as the kubelet does when the disk fills up.
func (n *Node) Remove(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.remove(name)
}

// Rename gives an image's name to another image that is stored.
func (n *Node) Rename(name, other string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[name] = n.names[other]
}

// Fill leaves so many bytes free on the disk of the images.
func (n *Node) Fill(free int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.free = free
}

// Pulls counts the images that were fetched.
func (n *Node) Pulls() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.pulls
}

// Names are all names of images.
func (n *Node) Names() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return workload.NewValues(n.names).Keys()
}

func (n *Node) with(name string, do func(*deployment)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	do(n.deployments[name])
}
