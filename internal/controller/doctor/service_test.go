package doctor

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestAPlacementThatDiffersHasTheCommandThatPrintsTheRightOne(t *testing.T) {
	t.Parallel()
	list := judgeServices("D601", []serviceFacts{
		{env: artifact.Prod, service: "findjob"}, {env: artifact.Prod, service: "pipeline", differences: []string{"image is other, want pipeline", "probe.port is 1, want 8080"}},
	})
	i := slices.IndexFunc(list, func(f Finding) bool { return f.Check == "service pipeline" })
	if i < 0 || list[i].Level != LevelFault || !strings.Contains(list[i].Fix, "`unidesk-controller host placement D601`") ||
		!strings.HasSuffix(list[i].What, ": image is other, want pipeline; probe.port is 1, want 8080") {
		t.Errorf("%+v", list)
	}
	if slices.ContainsFunc(list, func(f Finding) bool { return f.Check == "service findjob" }) {
		t.Errorf("what is placed as it should be has a finding: %+v", list)
	}
}

func TestAnAgentIsAskedOnlyForWhatItCanAnswer(t *testing.T) {
	t.Parallel()
	rows := rowsOn("D601", site.RowsIn(must(catalog.Builtin())))
	composed, clustered := namesOf(rows, workload.Compose), namesOf(rows, workload.Kubernetes)
	if len(composed) == 0 || len(clustered) == 0 || slices.Contains(clustered, composed[0]) {
		t.Fatalf("%q, %q", composed, clustered)
	}
	both := []rpc.Capability{rpc.CapabilityWorkloadCompose, rpc.CapabilityWorkloadKubernetes}
	for name, c := range map[string]struct {
		agent rpc.Description
		want  [2][]string
	}{
		"an agent that serves nothing":   {rpc.Description{}, [2][]string{}},
		"an agent without the cluster":   {rpc.Description{Capabilities: both[:1]}, [2][]string{composed, nil}},
		"a cluster that does not answer": {rpc.Description{Capabilities: both, Cluster: &rpc.Cluster{Trouble: "refused"}}, [2][]string{composed, nil}},
		"both":                           {rpc.Description{Capabilities: both, Cluster: &rpc.Cluster{Version: "v1"}}, [2][]string{composed, clustered}},
	} {
		asked := answerable(rows, c.agent)
		if d := cmp.Diff(c.want, [2][]string{namesOf(asked, workload.Compose), namesOf(asked, workload.Kubernetes)}); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestAServiceOfTwoEnvironmentsHasTwoFindings(t *testing.T) {
	t.Parallel()
	list := judgeServices("D601", []serviceFacts{
		{service: "frontend", env: artifact.Prod, err: errDenied}, {service: "frontend", env: artifact.Dev, err: errDenied}, {service: "wiki", env: artifact.Prod}, {service: "wiki", env: artifact.Dev},
	})
	var got []string
	for _, f := range list {
		got = append(got, f.Check+" | "+f.What+" | "+f.Fix)
	}
	want := []string{
		"service frontend | permission denied (INTERNAL) | unidesk-controller logs --service frontend --env prod",
		"service frontend in dev | permission denied (INTERNAL) | unidesk-controller logs --service frontend --env dev",
		"services | placed there: wiki | ", "leftovers | none | ",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAComposeFileThatADeployDoesNotReadIsNamed(t *testing.T) {
	t.Parallel()
	list := judgeServices("D601", []serviceFacts{{env: artifact.Prod, service: "findjob", unread: []string{"/srv/docker-compose.override.yml"}}})
	if len(list) == 0 || list[0].Level != LevelWarning || !strings.Contains(list[0].What, "/srv/docker-compose.override.yml") || list[0].Fix == "" {
		t.Errorf("%+v", list)
	}
	if list := judgeUnread("files", "x", nil); list != nil {
		t.Errorf("nothing is unread: %+v", list)
	}
}
