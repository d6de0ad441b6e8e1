//go:build e2e

package e2e

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/lab/apiserver"
	"github.com/pikasTech/unidesk-artifact-cd/lab/kube"
)

// beneath has the parts below the services fail in turn: all services of the node notice.
// Meanwhile the deadline of an unsettled change draws near.
func (k *cluster) beneath(t *testing.T) {
	takenBack := k.abandon(t)
	t.Run("the token ends", k.tokenEnds)
	t.Run("four Deployments in little memory", k.footprint)
	t.Run("the agent is killed", k.agentKilled)
	t.Run("containerd restarts during the pull", k.pullCut)
	t.Run("the kubelet stops", k.kubeletStops)
	t.Run("images are collected", k.collected)
	t.Run("the API server stops after the patch", k.apiServerStops)
	t.Run("the API server is silent when the time is over", func(t *testing.T) {
		spec := k.spec(t, "mdtodo", artifact.Prod)
		must(t, k.Stop(t.Context(), kube.APIServer))
		if _, err := two.D601.Output(t.Context(), "test", "-e", changes+spec.Ref.String()+".pending.json"); err != nil {
			k.startAPI(t)
			takenBack(t) // the time was over before, on a slow machine
			takenBack = k.abandon(t)
			must(t, k.Stop(t.Context(), kube.APIServer))
		}
		k.takesBack(t, spec)
		k.startAPI(t)
		takenBack(t)
	})
}

// changes is where the agent keeps the changes of the cluster that are not settled.
const changes = "/var/lib/unidesk-agent/changes/kubernetes/"

// takesBack waits until the agent has begun to take a change back, and so holds its lock.
func (k *cluster) takesBack(t *testing.T, spec workload.Spec) {
	t.Helper()
	eventually(t, 6*time.Minute, "D601 begins to revert the change", func() error {
		_, err := two.D601.Output(t.Context(), "sh", "-c", `flock --nonblock --conflict-exit-code 9 "$0" true; test $? = 9`, changes+spec.Ref.String()+".lock")
		return err
	})
}

func (k *cluster) startAPI(t *testing.T) {
	t.Helper()
	must(t, k.Start(t.Context(), kube.APIServer))
	must(t, k.WaitAPI(t.Context()))
}

// killAPI kills the API server: after a SIGTERM it would still answer for a while.
func (k *cluster) killAPI(t *testing.T) {
	t.Helper()
	on(t, "systemctl kill --signal=KILL "+kube.APIServer+"; systemctl stop "+kube.APIServer)
}

// proving makes a configuration whose catalog has other times for the proof.
func proving(t *testing.T, stable, timeout string) (config string) {
	t.Helper()
	config = "/etc/unidesk-proving"
	builtin, err := two.Master.Output(t.Context(), "unidesk-controller", "catalog", "print")
	must(t, err)
	text := strings.NewReplacer("stable: 5s", "stable: "+stable, "timeout: 180s", "timeout: "+timeout).Replace(builtin)
	must(t, put(t.Context(), two.Master,
		file{path: config + "/controller.yaml", text: controllerConfig("D601")}, file{path: config + "/services.yaml", text: text}))
	return config
}

// ends checks that a commit runs, and that the answer names it.
func (k *cluster) ends(t *testing.T, spec workload.Spec, a answer, commit string) {
	t.Helper()
	k.runs(t, spec, commit)
	if !strings.Contains(a.result.Running.Text, commit) {
		t.Errorf("%s runs, and the answer is that %s", commit, a.result.Running.Text)
	}
}

// says checks that a failure names its cause and its hint the act.
func (a answer) says(t *testing.T, cause, act string) {
	t.Helper()
	if f := a.result.Failure; !strings.Contains(f.Message, cause) || !strings.Contains(f.Hint, act) {
		t.Errorf("%q lacks %q, or %q lacks %q", f.Message, cause, f.Hint, act)
	}
}

// apiServerStops stops the API server between the switch and the settlement.
func (k *cluster) apiServerStops(t *testing.T) {
	spec := k.spec(t, "claudeqq", artifact.Dev)
	good := k.live(t, spec)
	start := func(t *testing.T, commit, config string) *running {
		r := begin(t, deployCommand(t, "claudeqq", commit, "--env", "dev", "--config", config))
		r.reaches(t, "switch")
		k.killAPI(t)
		return r
	}
	t.Run("and is back before the proof is over", func(t *testing.T) {
		next := release(t, "claudeqq", lab.Change{}).SourceCommit
		r := start(t, next, proving(t, "5s", "180s"))
		r.waits(t, "does not answer")
		k.startAPI(t)
		a := r.end(t)
		a.want(t, contract.DecidedSucceeded, "", 0)
		k.ends(t, spec, a, next)
		good = next
	})
	t.Run("and is back later", func(t *testing.T) {
		next := release(t, "claudeqq", lab.Change{}).SourceCommit
		r := start(t, next, proving(t, "5s", "15s"))
		r.waits(t, "does not answer")
		k.takesBack(t, spec)
		k.startAPI(t)
		a := r.end(t)
		a.want(t, contract.DecidedReverted, fault.KubernetesUnavailable, 1)
		a.says(t, "does not answer", "systemctl status k3s")
		k.ends(t, spec, a, good)
	})
}

// waits waits until the command reports that it waits for something.
func (r *running) waits(t *testing.T, cause string) {
	t.Helper()
	eventually(t, time.Minute, "the command waits: "+cause, func() error {
		for line := range strings.Lines(r.stderr.String()) {
			if strings.Contains(line, "waiting: ") && strings.Contains(line, cause) {
				return nil
			}
		}
		return errors.New(r.stderr.String())
	})
}

// pullCut restarts containerd once some of a large layer is there.
func (k *cluster) pullCut(t *testing.T) {
	spec := k.spec(t, "decision-center", artifact.Dev)
	good := k.live(t, spec)
	large := release(t, "decision-center", lab.Change{Layers: []lab.Layer{{Name: "large", Size: 128 << 20, Noise: 100, Seed: 1}}}).SourceCommit
	defer release(t, "decision-center", lab.Change{Layers: []lab.Layer{}}) // what follows is small again
	cut := two.D601.Exec(t.Context(), "sh", "-c", "until find "+kube.ContainerdRoot+"/io.containerd.content.v1.content/ingest -name data -size +8M | grep -q .; do :; done; exec systemctl restart "+kube.Containerd)
	must(t, cut.Start())
	a := deployTo(t, spec, large)
	must(t, cut.Wait())
	a.want(t, contract.DecidedFailed, fault.EngineUnavailable, 1)
	a.says(t, "k3s's containerd at "+kube.Socket+" does not answer", "systemctl status k3s")
	if f := a.result.Failure; a.result.Mutated || !f.Retry || f.Step != workload.PointLoad {
		t.Errorf("%+v", f)
	}
	k.ends(t, spec, a, good)
	again := deployTo(t, spec, large)
	again.want(t, contract.DecidedSucceeded, "", 0)
	k.ends(t, spec, again, large)
}

// kubeletStops deploys with no kubelet to start the new pods.
func (k *cluster) kubeletStops(t *testing.T) {
	const cause = "the kubelet of node "
	spec := k.spec(t, "decision-center", artifact.Prod)
	good := k.live(t, spec)
	start := func(t *testing.T, commit string) *running {
		must(t, k.Stop(t.Context(), kube.Kubelet))
		return begin(t, deployCommand(t, "decision-center", commit, "--env", "prod", "--config", quickConfig))
	}
	t.Run("and is back in time", func(t *testing.T) {
		next := release(t, "decision-center", lab.Change{}).SourceCommit
		r := start(t, next)
		eventually(t, time.Minute, "a pod is left waiting", func() error {
			if said := r.stderr.String(); !strings.Contains(said, cause+k.Host.Name) {
				return errors.New(said)
			}
			return nil
		})
		must(t, k.Start(t.Context(), kube.Kubelet))
		a := r.end(t)
		a.want(t, contract.DecidedSucceeded, "", 0)
		k.ends(t, spec, a, next)
		good = next
	})
	t.Run("and is back too late", func(t *testing.T) {
		next := release(t, "decision-center", lab.Change{}).SourceCommit
		k.patch(t, spec, `{"spec":{"progressDeadlineSeconds":5}}`)
		defer k.patch(t, spec, `{"spec":{"progressDeadlineSeconds":600}}`)
		r := start(t, next)
		eventually(t, 2*time.Minute, "the template is put back", func() error {
			if said := r.stderr.String(); !strings.Contains(said, "goes back to") {
				return errors.New(said)
			}
			return nil
		})
		must(t, k.Start(t.Context(), kube.Kubelet))
		a := r.end(t)
		a.want(t, contract.DecidedReverted, fault.RolloutFailed, 1)
		a.says(t, cause+k.Host.Name, "describe pod")
		k.ends(t, spec, a, good)
		k.steady(t, spec.Ref.Scope())
	})
}

// agentKilled kills the agent whenever a deploy reports an event. systemd starts it again.
func (k *cluster) agentKilled(t *testing.T) {
	const service = "claudeqq"
	spec := k.spec(t, service, artifact.Dev)
	live, next := k.live(t, spec), release(t, service, lab.Change{}).SourceCommit
	for _, point := range []workload.Point{
		workload.PointLoad, workload.PointStaged, workload.PointBefore, workload.PointTag, workload.PointConfigure, workload.PointReplace,
		workload.PointSwitch, workload.PointPending, workload.PointSettle,
	} {
		t.Run(string(point), func(t *testing.T) {
			r := begin(t, deployCommand(t, service, next, "--env", "dev", "--config", quickConfig))
			r.reaches(t, point)
			on(t, "systemctl kill --signal=KILL "+agentUnit)
			a := r.end(t)
			t.Logf("%s, %v", a.result.Decision, a.result.Failure)
			a.want(t, contract.DecidedSucceeded, "", 0)
			k.ends(t, spec, a, next)
			live, next = next, live
		})
	}
}

// collected forces the kubelet to remove every image that it may remove.
func (k *cluster) collected(t *testing.T) {
	const service = "claudeqq"
	spec := k.spec(t, service, artifact.Prod)
	var commits []string
	for range 4 {
		commits = append(commits, k.live(t, spec))
	}
	unpinned := release(t, service, lab.Change{})
	must(t, k.Pull(t.Context(), unpinned.DigestRef))
	stored := func(commit string) bool {
		_, err := k.Host.Output(t.Context(), "crictl", "inspecti", configOf(t, service, commit))
		return err == nil
	}
	if !stored(unpinned.SourceCommit) {
		t.Fatal("the unpinned image was not pulled")
	}
	// Each image that no pod uses is too old. The kubelet looks when it starts.
	must(t, k.SetKubelet(t.Context(), map[string]any{"imageMinimumGCAge": "1ns", "imageMaximumGCAge": "2ns"}))
	eventually(t, time.Minute, "the kubelet removes images", func() error {
		for _, gone := range []string{unpinned.SourceCommit, commits[0]} {
			if stored(gone) {
				return fmt.Errorf("the image of %s is there", gone)
			}
		}
		return nil
	})
	must(t, k.SetKubelet(t.Context(), nil))
	for _, commit := range []string{commits[1], commits[2]} {
		if !stored(commit) {
			t.Fatalf("the kubelet took the image of %s", commit)
		}
		back := deployTo(t, spec, commit)
		back.want(t, contract.DecidedSucceeded, "", 0)
		for line := range strings.Lines(back.stderr) {
			if f := strings.Fields(line); len(f) > 1 && f[1] == string(workload.PointLoad) {
				t.Errorf("a kept image was pulled: %s", line)
			}
		}
		k.ends(t, spec, back, commit)
	}
}

// tokenEnds gives the agent tokens of the cluster's own key with other times in them.
func (k *cluster) tokenEnds(t *testing.T) {
	spec := k.spec(t, "decision-center", artifact.Dev)
	good, next := k.live(t, spec), release(t, "decision-center", lab.Change{}).SourceCommit
	place := func(token string) {
		must(t, put(t.Context(), two.D601, file{path: tokenFile, text: token, mode: 0o600}))
	}
	now := time.Now()
	place(k.token(t, now.Add(-25*time.Hour), now.Add(-time.Hour)))
	a := deployTo(t, spec, next)
	a.want(t, contract.DecidedBlocked, fault.RoleMissing, 3)
	const line = "(umask 077; kubectl -n unidesk-system create token unidesk-agent --duration 24h >" + tokenFile + ")"
	a.says(t, "does not know the agent's account", line)
	for _, command := range []string{"doctor", "host list"} {
		out, _ := two.Master.Exec(t.Context(), append([]string{"unidesk-controller"}, strings.Fields(command)...)...).Output() // it fails: the account is not known
		for _, words := range []string{"does not know the agent's account", line} {
			if !strings.Contains(string(out), words) {
				t.Errorf("%s lacks %q:\n%s", command, words, out)
			}
		}
	}
	k.runs(t, spec, good)

	on(t, line)
	a = deployTo(t, spec, next)
	a.want(t, contract.DecidedSucceeded, "", 0)
	k.ends(t, spec, a, next)

	half := k.token(t, now.Add(-13*time.Hour), now.Add(11*time.Hour))
	place(half)
	on(t, "systemctl restart "+agentUnit) // it looks when it starts, and every ten minutes
	eventually(t, time.Minute, "the agent renews its token", func() error {
		is, err := two.D601.Output(t.Context(), "cat", tokenFile)
		if err == nil && strings.TrimSpace(is) == half {
			err = errors.New("it is the old token")
		}
		return err
	})
	controller(t, "verify", "--service", "decision-center", "--env", "dev", "--config", quickConfig).want(t, contract.DecidedUnchanged, "", 0)
}

// token returns a token of the agent's account as the API server would have given it.
func (k *cluster) token(t *testing.T, issued, expires time.Time) string {
	t.Helper()
	var account struct{ Metadata struct{ UID string } }
	must(t, k.Get(t.Context(), "unidesk-system", "serviceaccount/unidesk-agent", &account))
	content, err := k.Host.Output(t.Context(), "cat", "/var/lib/rancher/k3s/server/tls/service.key")
	must(t, err)
	block, _ := pem.Decode([]byte(content))
	key, err := x509.ParseECPrivateKey(block.Bytes)
	must(t, err)
	part := func(v any) string {
		raw, err := json.Marshal(v)
		must(t, err)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	type object map[string]any
	signed := part(object{"alg": "ES256"}) + "." + part(object{
		"iss": apiserver.ServiceAccountIssuer, "aud": []string{apiserver.ServiceAccountIssuer}, "sub": "system:serviceaccount:unidesk-system:unidesk-agent",
		"iat": issued.Unix(), "nbf": issued.Unix(), "exp": expires.Unix(),
		"kubernetes.io": object{"namespace": "unidesk-system", "serviceaccount": object{"name": "unidesk-agent", "uid": account.Metadata.UID}},
	})
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	must(t, err)
	return signed + "." + base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// footprint has a fresh agent deploy a service of four Deployments.
func (k *cluster) footprint(t *testing.T) {
	spec := k.spec(t, "code-queue", artifact.Dev)
	next := release(t, "code-queue", lab.Change{}).SourceCommit
	on(t, "systemctl restart "+agentUnit)
	deployTo(t, spec, next).want(t, contract.DecidedSucceeded, "", 0)
	k.runs(t, spec, next)
	status, err := two.D601.Output(t.Context(), "cat", "/proc/"+show(t, agentUnit, "MainPID")["MainPID"]+"/status")
	must(t, err)
	most := highWater([]byte(status))
	t.Logf("the agent had at most %s in memory", mb(most))
	if most == 0 || most >= memoryLimit {
		t.Errorf("the agent had %s in memory, at most %s", mb(most), mb(memoryLimit))
	}
	TestTheAgentsSandboxIsTight(t) // with the cluster placed
}
