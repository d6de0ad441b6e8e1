// Package k3stest is a node of Kubernetes in memory: an image store, an API server and
// the registry beside them, which is what the runtime of package k3s drives in tests
// without a cluster. It outlives the runtimes made of it. Its rollouts move a step
// after each look at them, so a test waits for no clock.
//
// Files, from the top: node, images, deployments, rollout, config, faults.
package k3stest

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/cri"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Registry is where the node's images come from.
const Registry = "127.0.0.1:5000"

// Placeholder is the image that the Deployments run at first. No deploy made it.
const Placeholder = "example.invalid/placeholder:1"

// Node is the node with a single workload. Its fields are set before it is used.
type Node struct {
	// Before is asked before each act, After when the act is done and its answer is on
	// the way; the act is the port's method and what it is about: "Stamp web". An error
	// takes the place of the act, or of its answer.
	Before, After func(act string) error
	// Ill returns why a pod that starts cannot run, "" if it can.
	Ill func(workload.Instance) string
	// Admit makes another image of the image that is applied to a Deployment, AdmitPod of
	// that of a pod, as webhooks do.
	Admit, AdmitPod func(image string) string
	// Health answers for a Service.
	Health func(service string) kube.Answer
	// Output is what each container prints.
	Output string

	mu          sync.Mutex
	spec        workload.Spec
	registry    []artifact.Image
	stored      map[string]cri.Image // by config
	names       map[string]string    // name to config
	deployments map[string]*deployment
	secret      map[string]string
	settings    map[string]string
	version     int
	clock       time.Time
	free        int64
	pulls       int
}

// deployment is a Deployment with what it made.
type deployment struct {
	place            workload.DeploymentSpec
	uid, version     string
	generation, seen int64
	template         template
	annotations      map[string]string
	replicas         int
	pods             []*pod
	trouble          string
	slow             time.Duration
}

// pod is a pod, of the revision that its template is.
type pod struct {
	in       workload.Instance
	revision string
	// given is what the synced objects held when it started.
	given map[string]string
}

// template is a pod template, with no more than the tests ask of it.
type template struct {
	Metadata struct {
		Annotations map[string]string `json:"annotations,omitempty"`
	} `json:"metadata"`
	Spec struct {
		Containers []container      `json:"containers"`
		Volumes    []map[string]any `json:"volumes,omitempty"`
	} `json:"spec"`
}

type container struct {
	Name            string     `json:"name"`
	Image           string     `json:"image"`
	ImagePullPolicy string     `json:"imagePullPolicy"`
	Env             []variable `json:"env,omitempty"`
	VolumeMounts    []mount    `json:"volumeMounts,omitempty"`
}

type mount struct {
	Name      string `json:"name"`
	MountPath string `json:"mountPath"`
}

type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// New returns a node whose Deployments, those of the spec, run [Placeholder], each in a
// single pod that is given env. The registry has the images.
func New(spec workload.Spec, env map[string]string, images []artifact.Image) *Node {
	n := &Node{
		spec: spec, registry: images, stored: map[string]cri.Image{}, names: map[string]string{}, deployments: map[string]*deployment{},
		secret: map[string]string{}, settings: map[string]string{}, clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), free: 1 << 40,
	}
	old := cri.Image{Config: artifact.DigestOf([]byte("placeholder")), Manifests: []artifact.Digest{artifact.DigestOf([]byte("placeholder's manifest"))}, Names: []string{Placeholder}}
	n.stored[old.Config.String()], n.names[Placeholder] = old, old.Config.String()
	for _, place := range spec.Kubernetes.Deployments {
		d := &deployment{place: place, uid: "uid-of-" + place.Name, generation: 1, replicas: 1, slow: 10 * time.Second}
		c := container{Name: place.Container, Image: Placeholder, ImagePullPolicy: "IfNotPresent"}
		for _, key := range sorted(env) {
			c.Env = append(c.Env, variable{key, env[key]})
		}
		d.template.Spec.Containers = []container{c}
		n.deployments[place.Name] = d
		n.touch(d)
		for n.step(d) {
		}
	}
	return n
}

// do is an act of a port, with the lock held but for the questions.
func (n *Node) do(act string, do func() error) error {
	if n.Before != nil {
		if err := n.Before(act); err != nil {
			return err
		}
	}
	n.mu.Lock()
	err := do()
	n.mu.Unlock()
	if err == nil && n.After != nil {
		err = n.After(act)
	}
	return err
}

// touch gives an object another resource version.
func (n *Node) touch(d *deployment) {
	n.version++
	d.version = fmt.Sprint(n.version)
}

func (n *Node) now() time.Time {
	n.clock = n.clock.Add(time.Second)
	return n.clock
}

func (t template) raw() json.RawMessage {
	raw, err := json.Marshal(t)
	if err != nil {
		panic(err)
	}
	return raw
}

func (t template) clone() (c template) {
	if err := json.Unmarshal(t.raw(), &c); err != nil {
		panic(err)
	}
	return c
}

// placed is the template's container of a name.
func (t *template) placed(name string) *container {
	for i := range t.Spec.Containers {
		if t.Spec.Containers[i].Name == name {
			return &t.Spec.Containers[i]
		}
	}
	return &container{}
}

func (c *container) stamped(prefix string) map[string]string {
	var found map[string]string
	for _, e := range c.Env {
		if key, ok := strings.CutPrefix(e.Name, prefix); ok {
			if found == nil {
				found = map[string]string{}
			}
			found[key] = e.Value
		}
	}
	return found
}

func (c *container) set(name, value string) {
	for i := range c.Env {
		if c.Env[i].Name == name {
			c.Env[i].Value = value
			return
		}
	}
	c.Env = append(c.Env, variable{name, value})
}

func sorted(m map[string]string) []string {
	return workload.NewValues(maps.Clone(m)).Keys()
}
