package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

const tokenPath = "/var/lib/unidesk-agent/kubernetes-token"

// objects are what a service that syncs its configuration needs.
func objects(t *testing.T) []rights.Object {
	t.Helper()
	ref, err := workload.NewRef(workload.Kubernetes, "wiki", "web")
	if err != nil {
		t.Fatal(err)
	}
	return rights.Objects([]workload.Spec{{Ref: ref, Kubernetes: &workload.KubernetesSpec{
		Deployments: []workload.DeploymentSpec{{Name: "web", Container: "web", Service: "web", Probe: workload.Probe{Port: 80, Path: "/health"}}},
		Sync:        &workload.ConfigSync{Secret: "auth", ConfigMap: "settings"},
	}}})
}

func TestTheParcelForTheClusterHasItsObjectsInOrder(t *testing.T) {
	t.Parallel()
	for _, act := range []act{actLook, actGrant} {
		got, manifest := unpack(t, parcel{act: act, agent: []byte("agent"), cluster: objects(t)}.pack())
		want := `need 1.yaml namespace wiki
apply 2.yaml namespace unidesk-system
apply 3.yaml serviceaccount unidesk-system/unidesk-agent
apply 4.yaml role unidesk-system/unidesk-agent
apply 5.yaml rolebinding unidesk-system/unidesk-agent
apply 6.yaml role wiki/unidesk-agent
apply 7.yaml rolebinding wiki/unidesk-agent
create 8.yaml secret wiki/auth
create 9.yaml configmap wiki/settings
`
		if diff := cmp.Diff(want, got["cluster/list"]); diff != "" {
			t.Error(diff)
		}
		if len(got) != 3+1+9 || !strings.Contains(got["cluster/8.yaml"], "kind: Secret\n") || !strings.Contains(manifest, "  cluster/9.yaml\n") {
			t.Errorf("%q\n%s", got, manifest)
		}
	}
	if got, _ := unpack(t, parcel{act: actKeep, cluster: objects(t)}.pack()); len(got) != 3 {
		t.Errorf("another act carries %q", got)
	}
}

func TestTheScriptNamesTheAgentsAccountAndToken(t *testing.T) {
	t.Parallel()
	for _, want := range []string{
		"kube create token " + rights.Account + " --namespace " + rights.AccountNamespace + " --duration 24h >",
		"system:serviceaccount:" + rights.AccountNamespace + ":" + rights.Account, "token=" + tokenPath,
	} {
		if !strings.Contains(applyScript, want) {
			t.Errorf("apply.sh lacks %q", want)
		}
	}
	if strings.Contains(applyScript, "kube delete") {
		t.Error("apply.sh deletes objects")
	}
}

// node is a furnished host whose script gives set answers.
type node struct {
	k3s   string
	says  map[string]string // by act
	fails map[string]error
	acts  []string
}

func (n *node) shell(t *testing.T) Shell {
	return func(_ context.Context, _ []string, stdin []byte) ([]byte, error) {
		if stdin == nil {
			return []byte("unidesk-host-facts/1\nmachine x86_64\nuid 0\naccount root\nsystemd yes\nsudo root\nk3s " + n.k3s + "\nend\n"), nil
		}
		files, _ := unpack(t, stdin)
		act := strings.TrimSpace(files["act"])
		n.acts = append(n.acts, act)
		return []byte(n.says[act]), n.fails[act]
	}
}

func TestTheClusterIsLookedAtAndGrantedWhatItLacks(t *testing.T) {
	t.Parallel()
	const lacks, has = "same role wiki/unidesk-agent\nchanged " + tokenPath + "\nchanged unidesk-agent.service restarted\n", "same role wiki/unidesk-agent\nsame " + tokenPath + "\n"
	down := fault.New(fault.Internal, "on D601: %w", &tunnel.ExitError{Code: exitNoCluster, Said: "connection refused"})
	cut := fault.Transient(fault.HostUnreachable, "cut")
	for name, c := range map[string]struct {
		node     node
		dry      bool
		without  bool // nothing of the catalog is in its cluster
		silent   bool // after the grant
		decision Decision
		changes  int
		acts     string // of the script
		step     string
		toDo     string
	}{
		"a host without k3s":           {node: node{k3s: "no"}, decision: Unchanged, acts: "apply keep"},
		"a k3s without services":       {node: node{k3s: "yes"}, without: true, decision: Unchanged, acts: "apply keep"},
		"a dry run":                    {node: node{k3s: "yes", says: map[string]string{"look": lacks}}, dry: true, decision: Ready, changes: 2, acts: "look"},
		"all is there":                 {node: node{k3s: "yes", says: map[string]string{"look": has}}, decision: Unchanged, acts: "look apply keep"},
		"a token is missing":           {node: node{k3s: "yes", says: map[string]string{"look": lacks, "grant": lacks}}, decision: Succeeded, changes: 2, acts: "look apply keep grant"},
		"a cluster that is down":       {node: node{k3s: "yes", fails: map[string]error{"look": down}}, decision: Unchanged, acts: "look apply keep", toDo: "connection refused"},
		"the same, in a dry run":       {node: node{k3s: "yes", fails: map[string]error{"look": down}}, dry: true, decision: Ready, acts: "look", toDo: "connection refused"},
		"a look that is cut off":       {node: node{k3s: "yes", fails: map[string]error{"look": cut}}, decision: Failed, acts: "look", step: "look"},
		"a grant that fails half-way":  {node: node{k3s: "yes", says: map[string]string{"look": lacks, "grant": "changed role a/b\n"}, fails: map[string]error{"grant": down}}, decision: Failed, changes: 1, acts: "look apply keep grant", step: "cluster"},
		"an agent that does not start": {node: node{k3s: "yes", says: map[string]string{"look": lacks, "grant": lacks}}, silent: true, decision: Failed, changes: 2, acts: "look apply keep grant", step: "ask"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBinary("x")
			h := Host{Shell: c.node.shell(t), Binary: func(string) (Binary, error) { return b, nil }, Cluster: objects(t)}
			if c.without {
				h.Cluster = nil
			}
			h.Ask = func(context.Context) (rpc.Description, error) {
				if c.silent && strings.HasSuffix(strings.Join(c.node.acts, " "), "grant") {
					return rpc.Description{}, fault.New(fault.HostUnreachable, "silence")
				}
				return rpc.Description{}, nil
			}
			var told []string // with how many acts were begun by then
			h.Say = func(step, does string) {
				told = append(told, fmt.Sprint(step, len(c.node.acts)))
				if does == "" {
					t.Errorf("%s lacks what it does", step)
				}
			}
			r := h.Run(t.Context(), c.dry)
			want := []string{"look0"}
			for i, act := range strings.Fields(c.acts) {
				switch act {
				case "apply":
					want = append(want, fmt.Sprint("apply", i), fmt.Sprint("ask", i+1))
				case "grant":
					want = append(want, fmt.Sprint("cluster", i))
				}
			}
			if !slices.Equal(told, want) {
				t.Errorf("reported %q, want %q", told, want)
			}
			of := r.Changes
			if c.dry { // the binary and the files are not there
				of = changes(r.Acts[len(r.Acts)-strings.Count(c.node.says["look"], "\n"):])
			}
			step := ""
			if r.Failure != nil {
				step = r.Failure.Step
			}
			if r.Decision != c.decision || of != c.changes || strings.Join(c.node.acts, " ") != c.acts || step != c.step {
				t.Errorf("%s, %d changes, acts %q, failed at %q", r.Decision, of, c.node.acts, step)
			}
			if toDo := strings.Join(r.ToDo, "\n"); !strings.Contains(toDo, c.toDo) || c.toDo == "" && toDo != "" {
				t.Errorf("left to do: %q", toDo)
			}
			if c.decision == Unchanged && c.node.says != nil && len(r.Acts) != 2 {
				t.Errorf("acts: %+v", r.Acts)
			}
		})
	}
}
