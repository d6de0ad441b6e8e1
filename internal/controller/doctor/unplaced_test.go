package doctor

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

// The host's own hint for what it has not placed leads to doctor, which the person is
// running by then.
func TestWhatIsNotPlacedIsNotMendedByDoctorItself(t *testing.T) {
	t.Parallel()
	unplaced := fault.New(fault.WorkloadNotFound, "this host has placed no unidesk/wiki").WithHint("see").WithAction(fault.Examine)
	list := judgeServices("D601", []serviceFacts{{service: "wiki", env: artifact.Prod, err: unplaced}})
	if len(list) != 1 || strings.Contains(list[0].Fix, "unidesk-controller doctor") || !strings.Contains(list[0].Fix, "`unidesk-controller host placement D601`") ||
		!strings.Contains(list[0].Fix, "systemctl restart unidesk-agent") || !strings.Contains(list[0].Fix, "mode: unsupported and why: REASON") {
		t.Errorf("%+v", list)
	}
}

// A host without k3s: the section kubernetes would name a cluster that is not there.
func TestAHostWithoutAClusterNeedNotGetOne(t *testing.T) {
	t.Parallel()
	for _, f := range judgeHost(hostFacts{
		row:       site.HostRow{Name: "D601", Reachable: true, Agent: &rpc.Description{CallerRole: rpc.RoleAdmin}},
		clustered: []string{"code-queue"},
	}) {
		if f.Check == "capabilities" && !strings.HasPrefix(f.Fix, "if no cluster is there, of each of them: give it mode: unsupported and why: REASON in services.yaml") {
			t.Errorf("%+v", f)
		}
	}
}
