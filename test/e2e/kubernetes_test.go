//go:build e2e

package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/lab/hosts"
	"github.com/pikasTech/unidesk-artifact-cd/lab/kube"
)

// tokenFile is where the agent keeps its token.
const tokenFile = "/var/lib/unidesk-agent/kubernetes-token"

// quickConfig is a configuration whose catalog asks for a second of equal answers.
const quickConfig = "/etc/unidesk-quick"

// cluster is D601's Kubernetes, with the catalog's services in it.
type cluster struct {
	*kube.Cluster
	services *catalog.Catalog
}

// TestKubernetes has D601 a Kubernetes node while it lasts, furnished as an operator
// would: by what the product prints.
func TestKubernetes(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	began := time.Now()
	up, err := kube.Up(ctx, two.D601, kube.Config{Log: os.Stderr})
	must(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(ctx)
		must(t, put(ctx, two.D601, file{path: "/etc/unidesk/agent.yaml", text: agentConfig, mode: 0o600}))
		must(t, each(ctx, two.D601, "systemctl stop "+agentUnit))
		must(t, up.Stop(ctx, kube.Units()...))
	})
	k := &cluster{Cluster: up}
	k.services, err = catalog.Builtin()
	must(t, err)
	k.furnish(ctx, t)
	t.Logf("the cluster is furnished %s after the start", time.Since(began).Round(100*time.Millisecond))

	t.Run("every service goes live, again, and back", func(t *testing.T) {
		of := map[string][]workload.Spec{} // those of a service share its source
		for _, spec := range k.specs() {
			of[spec.Ref.Name()] = append(of[spec.Ref.Name()], spec)
		}
		for service, specs := range of {
			t.Run(service, func(t *testing.T) {
				t.Parallel()
				for _, spec := range specs {
					t.Run(environment(spec), func(t *testing.T) { k.liveAndBack(t, spec) })
				}
			})
		}
	})
	t.Run("a registry that is down", k.unregistered)
	t.Run("the conformance suite", k.conforms)
	t.Run("a config sync is put back, and shown nowhere", k.synced)
	t.Run("what nobody settles", func(t *testing.T) {
		takenBack := k.abandon(t)
		t.Run("what is broken is put back", k.broken)
		t.Run("a quota", k.full)
		t.Run("dev, then prod", k.promoted)
		t.Run("policy and other writers", func(t *testing.T) {
			for name, of := range map[string]func(*testing.T){
				"what cannot be switched is refused":      k.unfit,
				"an autoscaler's replicas stay":           k.scaled,
				"a webhook":                               k.admitted,
				"another writer's edit stays":             k.edited,
				"two controllers":                         k.contended,
				"of several Deployments all are put back": k.together,
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel() // each has a workload of its own
					of(t)
				})
			}
		})
		t.Run("is reverted meanwhile", takenBack)
	})
	t.Run("an API server that is silent before a deploy", k.silent)
	t.Run("what is beneath fails", k.beneath)
}

// specs are the catalog's workloads on D601's Kubernetes.
func (k *cluster) specs() (specs []workload.Spec) {
	for _, spec := range k.services.Workloads("D601", "") {
		if spec.Kubernetes != nil {
			specs = append(specs, spec)
		}
	}
	return specs
}

// spec returns the placement of a service in an environment.
func (k *cluster) spec(t *testing.T, service string, env artifact.Env) workload.Spec {
	t.Helper()
	row, err := k.services.Row(service)
	must(t, err)
	return row.Spec(env, "")
}

// furnish has the product give the agent its rights and its first token, places the
// services, and has a first version of each run that no deploy brought.
func (k *cluster) furnish(ctx context.Context, t *testing.T) {
	t.Helper()
	printed := func(args ...string) string {
		out, err := two.Master.Output(ctx, append([]string{"unidesk-controller"}, args...)...)
		must(t, err)
		return out
	}
	for i, want := range []string{"succeeded", "unchanged"} {
		said := printed("--config", administrator, "-o", "json", "host", "bootstrap", "D601", "--agent", "/root/unidesk-agent")
		var r struct {
			Decision string
			ToDo     []string
		}
		must(t, json.Unmarshal([]byte(said), &r))
		if r.Decision != want || len(r.ToDo) > 0 {
			t.Errorf("bootstrap %d: %s", i+1, said)
		}
		token, err := two.D601.Output(ctx, "cat", tokenFile)
		must(t, err)
		if strings.Contains(said, strings.TrimSpace(token)) {
			t.Error("bootstrap prints the token")
		}
	}
	placement := printed("host", "placement", "D601")
	builtin := printed("catalog", "print")
	quick := strings.NewReplacer("stable: 5s", "stable: 1s", "timeout: 180s", "timeout: 30s").Replace(builtin)
	if quick == builtin {
		t.Fatal("the catalog has other times")
	}
	must(t, put(ctx, two.D601,
		file{path: "/etc/unidesk/agent.yaml", text: agentConfig + placement[strings.Index(placement, "kubernetes:\n"):], mode: 0o600}))
	must(t, each(ctx, two.D601, "systemctl restart "+agentUnit))
	must(t, put(ctx, two.Master,
		file{path: quickConfig + "/controller.yaml", text: controllerConfig("D601")}, file{path: quickConfig + "/services.yaml", text: quick}))
	for _, spec := range k.specs() {
		v := release(t, spec.Ref.Name(), lab.Change{})
		must(t, k.Pull(ctx, v.DigestRef))
		must(t, k.Tag(ctx, v.DigestRef, "lab.test/first:"+spec.Ref.Name()))
		manifest, err := kube.Manifest(spec, "lab.test/first:"+spec.Ref.Name(), nil)
		must(t, err)
		must(t, k.Apply(ctx, manifest))
	}
	for _, spec := range k.specs() {
		for _, d := range spec.Kubernetes.Deployments {
			must(t, k.Wait(ctx, spec.Ref.Scope(), "deployment/"+d.Name, "condition=Available"))
		}
	}
}

// environment is that of a workload.
func environment(spec workload.Spec) string {
	if spec.Ref.Scope() == "unidesk-dev" {
		return "dev"
	}
	return "prod"
}

// deploy brings a commit of a workload live, by the quick catalog.
func deployTo(t *testing.T, spec workload.Spec, commit string, flags ...string) answer {
	t.Helper()
	return deployNow(t, spec.Ref.Name(), commit, append([]string{"--env", environment(spec), "--config", quickConfig}, flags...)...)
}

// runs checks, without the product, that all Deployments of a workload run a commit.
func (k *cluster) runs(t *testing.T, spec workload.Spec, commit string) {
	t.Helper()
	k.copies(t, spec, commit, 1)
}

// copies checks as runs does, for Deployments of so many pods.
func (k *cluster) copies(t *testing.T, spec workload.Spec, commit string, pods int) {
	t.Helper()
	image := two.ci.Ref(spec.Ref.Name(), commit)
	config := configOf(t, spec.Ref.Name(), commit)
	digest, err := imageOf(t, spec.Ref.Name(), commit).Digest()
	must(t, err)
	same := func(want string) func(string) bool { return func(s string) bool { return s == want } }
	for _, d := range spec.Kubernetes.Deployments {
		var o struct {
			Metadata struct{ Annotations map[string]string }
			Spec     struct {
				Template struct {
					Metadata struct{ Annotations map[string]string }
					Spec     struct {
						Containers []struct {
							Name, Image string
							Env         []struct{ Name, Value string }
						}
					}
				}
			}
			Status struct{ Replicas, UpdatedReplicas, AvailableReplicas int }
		}
		must(t, k.Get(t.Context(), spec.Ref.Scope(), "deployment/"+d.Name, &o))
		c := o.Spec.Template.Spec.Containers[0]
		env := map[string]string{}
		for _, e := range c.Env {
			env[e.Name] = e.Value
		}
		if s := o.Status; s.Replicas != pods || s.UpdatedReplicas != pods || s.AvailableReplicas != pods {
			t.Errorf("%s: %+v", d.Name, s)
		}
		if c.Image != image {
			t.Errorf("%s is %+v, want %s", d.Name, o, image)
		}
		stamped := map[string]map[string]string{}
		for _, key := range workload.Keys() {
			stamped[key] = map[string]string{
				"environment": env[spec.KeyPrefix+key], "Deployment": o.Metadata.Annotations[workload.Annotation(key)],
				"pod template": o.Spec.Template.Metadata.Annotations[workload.Annotation(key)],
			}
		}
		for key, is := range map[string]func(string) bool{
			workload.KeyCommit: same(commit), workload.KeyRequestedCommit: same(commit), workload.KeyDigest: same(digest.String()),
			workload.KeyServiceID: same(spec.Ref.Name()), workload.KeyImage: same(env[spec.KeyPrefix+workload.KeyImage]),
			workload.KeySourceRepo: func(s string) bool { return strings.HasPrefix(s, "https://") },
			workload.KeyDeployedAt: func(s string) bool { _, err := time.Parse(time.RFC3339, s); return err == nil },
		} {
			if len(stamped[key]) != 3 {
				t.Errorf("%s is no deploy key", key)
			}
			for place, value := range stamped[key] {
				if value == "" || !is(value) || value != stamped[key]["environment"] {
					t.Errorf("%s of %s in the %s is %q", key, d.Name, place, value)
				}
			}
		}
		k.podsRun(t, spec.Ref.Scope(), d.Name, config, pods)
		if d.Service == "" {
			continue
		}
		health, err := k.Raw(t.Context(), fmt.Sprintf("/api/v1/namespaces/%s/services/http:%s:%d/proxy%s", spec.Ref.Scope(), d.Service, d.Probe.Port, d.Probe.Path))
		if err != nil || !strings.Contains(health, `"commit":"`+commit+`"`) {
			t.Errorf("%s answers %s (%v), want %s", d.Name, health, err, commit)
		}
	}
}

// podsRun checks by CRI that the pods of a Deployment were made from an image.
func (k *cluster) podsRun(t *testing.T, namespace, name, config string, want int) {
	t.Helper()
	var pods struct {
		Items []struct {
			Metadata struct{ DeletionTimestamp string }
			Status   struct {
				ContainerStatuses []struct {
					ImageID string
					Ready   bool
				}
			}
		}
	}
	out, err := k.Kubectl(t.Context(), "get", "pods", "--namespace", namespace, "--selector", "app="+name, "--output", "json")
	must(t, err)
	must(t, json.Unmarshal([]byte(out), &pods))
	running := 0
	for _, pod := range pods.Items {
		if pod.Metadata.DeletionTimestamp != "" || len(pod.Status.ContainerStatuses) != 1 || !pod.Status.ContainerStatuses[0].Ready {
			continue
		}
		running++
		id, err := k.Host.Output(t.Context(), "crictl", "inspecti", "--output", "go-template", "--template", "{{.status.id}}", pod.Status.ContainerStatuses[0].ImageID)
		if err != nil || strings.TrimSpace(id) != config {
			t.Errorf("a pod of %s runs %s (%v), want %s", name, strings.TrimSpace(id), err, config)
		}
	}
	if running != want {
		t.Errorf("%d pods of %s run, want %d", running, name, want)
	}
}

// liveAndBack is the life of a workload: first, second commit, the same again, back.
func (k *cluster) liveAndBack(t *testing.T, spec workload.Spec) {
	service := spec.Ref.Name()
	first, second := release(t, service, lab.Change{}).SourceCommit, release(t, service, lab.Change{}).SourceCommit
	one := deployTo(t, spec, first)
	one.want(t, contract.DecidedSucceeded, "", 0)
	k.runs(t, spec, first)
	if b := one.result.Bytes; b.Needed != 0 || b.Received+b.Sent > 512<<10 {
		t.Errorf("%+v crossed for an image that stays on D601", b)
	}
	two := deployTo(t, spec, second)
	two.want(t, contract.DecidedSucceeded, "", 0)
	k.runs(t, spec, second)
	if s := two.result.Scope; !s.Observed {
		t.Errorf("scope: %+v", s)
	}
	again := deployTo(t, spec, second)
	again.want(t, contract.DecidedUnchanged, "", 0)
	if again.result.Changed || again.result.Mutated {
		t.Errorf("unchanged: %s", again.stdout)
	}
	controller(t, "verify", "--service", service, "--env", environment(spec), "--config", quickConfig).want(t, contract.DecidedUnchanged, "", 0)
	back := strings.Fields(two.result.Rollback.String())
	controller(t, append(back[1:], "--config", quickConfig)...).want(t, contract.DecidedSucceeded, "", 0)
	k.runs(t, spec, first)
}

// live brings a new good commit live and returns it.
func (k *cluster) live(t *testing.T, spec workload.Spec) string {
	t.Helper()
	commit := release(t, spec.Ref.Name(), lab.Change{}).SourceCommit
	deployTo(t, spec, commit).want(t, contract.DecidedSucceeded, "", 0)
	return commit
}

// broken deploys versions that do not do what they should.
func (k *cluster) broken(t *testing.T) {
	spec := k.spec(t, "decision-center", artifact.Dev)
	good := k.live(t, spec)
	for behaviour, c := range map[string]struct {
		reason fault.Reason
		says   string
	}{
		"crash":         {fault.RolloutFailed, "CrashLoopBackOff"},
		"never-healthy": {"", ""},
		"stale-commit":  {fault.NotProven, "deploy.commit"},
	} {
		t.Run(behaviour, func(t *testing.T) {
			bad := release(t, "decision-center", lab.Change{Behaviour: behaviour}).SourceCommit
			if behaviour == "never-healthy" { // its readiness probe holds the rollout up
				k.patch(t, spec, `{"spec":{"progressDeadlineSeconds":10}}`)
				defer k.patch(t, spec, `{"spec":{"progressDeadlineSeconds":600}}`)
			}
			a := deployTo(t, spec, bad)
			reason := c.reason
			if reason == "" {
				reason = fault.RolloutFailed
			}
			a.want(t, contract.DecidedReverted, reason, 1)
			if !strings.Contains(a.result.Failure.Message, c.says) {
				t.Errorf("%s lacks %q", a.result.Failure.Message, c.says)
			}
			k.runs(t, spec, good)
		})
	}
	t.Run("a wrong label", func(t *testing.T) {
		from := release(t, "decision-center", lab.Change{})
		commit := aCommit(t)
		_, err := two.ci.PushLabelled(t.Context(), from, commit, map[string]string{artifact.LabelRevision: from.SourceCommit})
		must(t, err)
		deployTo(t, spec, commit).want(t, contract.DecidedBlocked, fault.LabelMismatch, 3)
		k.runs(t, spec, good)
	})
	t.Run("a commit that is not published", func(t *testing.T) {
		deployTo(t, spec, strings.Repeat("a", 40)).want(t, contract.DecidedBlocked, fault.ArtifactNotFound, 3)
		k.runs(t, spec, good)
	})
}

// synced deploys a version with another password that cannot be proven.
func (k *cluster) synced(t *testing.T) {
	const was, is = "sample-password-not-a-real-one", "hunter2-of-the-lab"
	spec := k.spec(t, "frontend", artifact.Dev)
	sync := spec.Kubernetes.Sync
	holds := func(object, key, want string) {
		t.Helper()
		var o struct{ Data map[string]string }
		must(t, k.Get(t.Context(), spec.Ref.Scope(), object, &o))
		if len(o.Data) != 1 || o.Data[key] != want {
			t.Errorf("%s has %d keys, and another %s than was synced", object, len(o.Data), key)
		}
	}
	secret := "secret/" + sync.Secret
	holds(secret, "password", base64.StdEncoding.EncodeToString([]byte(was)))
	holds("configmap/"+sync.ConfigMap, "username", "sample")

	config := readMaster(t, root+"/config.json")
	if !strings.Contains(config, was) {
		t.Fatal("the sample has another password")
	}
	must(t, put(t.Context(), two.Master, file{path: root + "/config.json", text: strings.Replace(config, was, is, 1), mode: 0o600}))
	defer func() {
		must(t, put(context.WithoutCancel(t.Context()), two.Master, file{path: root + "/config.json", text: config, mode: 0o600}))
	}()
	bad := release(t, "frontend", lab.Change{Behaviour: "stale-commit"}).SourceCommit
	a := deployTo(t, spec, bad)
	a.want(t, contract.DecidedReverted, fault.NotProven, 1)
	holds(secret, "password", base64.StdEncoding.EncodeToString([]byte(was)))
	for _, value := range []string{was, is, base64.StdEncoding.EncodeToString([]byte(is))} {
		if strings.Contains(string(a.stdout)+a.stderr, value) {
			t.Error("the answer shows a value")
		}
		for host, where := range map[*hosts.Host]string{two.D601: "/var/lib/unidesk-agent", two.Master: state} {
			found, err := host.Output(t.Context(), "sh", "-c", `{ grep -rlF -- "$0" "$1"; journalctl --no-pager | grep -F -- "$0"; } || true`, value, where)
			must(t, err)
			if found != "" {
				t.Errorf("%s has a value in %s", host.Name, found)
			}
		}
	}
}

// patch changes the first Deployment of a workload behind the product's back.
func (k *cluster) patch(t *testing.T, spec workload.Spec, patch string) {
	t.Helper()
	_, err := k.Kubectl(context.WithoutCancel(t.Context()), "patch", "deployment", spec.Kubernetes.Deployments[0].Name, "--namespace", spec.Ref.Scope(), "--type", "merge", "--patch", patch)
	must(t, err)
}

// full deploys into a namespace that has no room for another pod.
func (k *cluster) full(t *testing.T) {
	spec := k.spec(t, "mdtodo", artifact.Dev)
	good := k.live(t, spec)
	next := release(t, "mdtodo", lab.Change{}).SourceCommit
	quota := func(verb string, flags ...string) {
		_, err := k.Kubectl(context.WithoutCancel(t.Context()), append([]string{verb, "quota", "full", "--namespace", spec.Ref.Scope()}, flags...)...)
		must(t, err)
	}
	quota("create", fmt.Sprintf("--hard=pods=%d", k.steady(t, spec.Ref.Scope())))
	defer quota("delete")
	a := deployTo(t, spec, next)
	a.want(t, contract.DecidedReverted, fault.RolloutFailed, 1)
	if !strings.Contains(a.result.Failure.Message, "exceeded quota") {
		t.Errorf("%s has no reason", a.result.Failure.Message)
	}
	k.runs(t, spec, good)
}

// steady waits until each Deployment of a namespace has its pod and no other, and
// returns how many these are.
func (k *cluster) steady(t *testing.T, namespace string) (pods int) {
	t.Helper()
	for _, spec := range k.specs() {
		if spec.Ref.Scope() == namespace {
			pods += len(spec.Kubernetes.Deployments)
		}
	}
	eventually(t, 2*time.Minute, "no old pod is left", func() error {
		out, err := k.Kubectl(t.Context(), "get", "pods", "--namespace", namespace, "--output", "name")
		if n := strings.Count(out, "\n"); err == nil && n != pods {
			err = fmt.Errorf("%d pods, want %d", n, pods)
		}
		return err
	})
	return pods
}

// abandon kills the controller between the switch and the settlement. It returns the
// test that the agent reverts the change at its deadline.
func (k *cluster) abandon(t *testing.T) func(*testing.T) {
	spec := k.spec(t, "mdtodo", artifact.Prod)
	good := k.live(t, spec)
	k.patch(t, spec, `{"spec":{"progressDeadlineSeconds":30}}`)
	next := release(t, "mdtodo", lab.Change{}).SourceCommit
	r := begin(t, deployCommand(t, "mdtodo", next, "--env", "prod", "--config", quickConfig))
	r.reaches(t, "switch")
	must(t, syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)) // the group: nsenter is not the controller
	_ = r.cmd.Wait()                                           // it was killed: that is its exit
	if commit, err := k.stamped(t, spec); err != nil || commit != next {
		t.Fatalf("killed too early to judge: it is %s (%v)", commit, err)
	}
	return func(t *testing.T) { k.takenBack(t, spec, good) }
}

// stamped returns the commit that the first Deployment bears.
func (k *cluster) stamped(t *testing.T, spec workload.Spec) (string, error) {
	return k.Kubectl(t.Context(), "get", "deployment", spec.Kubernetes.Deployments[0].Name, "--namespace", spec.Ref.Scope(),
		"--output", `jsonpath={.metadata.annotations.unidesk\.dev/deploy-commit}`)
}

func (k *cluster) takenBack(t *testing.T, spec workload.Spec, good string) {
	eventually(t, 8*time.Minute, "D601 reverts it by itself", func() error {
		out, err := k.stamped(t, spec)
		if err == nil && out != good {
			err = fmt.Errorf("it is %s", out)
		}
		return err
	})
	_, err := k.Kubectl(t.Context(), "rollout", "status", "deployment/"+spec.Kubernetes.Deployments[0].Name, "--namespace", spec.Ref.Scope(), "--timeout", "2m")
	must(t, err)
	k.runs(t, spec, good)
	k.patch(t, spec, `{"spec":{"progressDeadlineSeconds":600}}`)
	controller(t, "recover", "--config", quickConfig)
}

// silent stops the API server before a deploy.
func (k *cluster) silent(t *testing.T) {
	spec := k.spec(t, "claudeqq", artifact.Prod)
	good := k.live(t, spec)
	next := release(t, "claudeqq", lab.Change{}).SourceCommit
	a := func() answer {
		must(t, k.Stop(t.Context(), kube.APIServer))
		defer k.startAPI(t)
		return deployTo(t, spec, next)
	}()
	a.want(t, contract.DecidedFailed, fault.KubernetesUnavailable, 1)
	if a.result.Mutated || !a.result.Failure.Retry {
		t.Errorf("%+v", a.result.Failure)
	}
	k.runs(t, spec, good)
}
