//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// An agent that is killed is started again by systemd, and a deploy that it had in
// hand goes on to its end, whichever event of the change was the last to be heard.
// Once the receipt is pending, it is asked to settle.
func TestAnAgentKilledAtAnyEventIsGoneOnWith(t *testing.T) {
	const service = "findjob"
	live, next := release(t, service, lab.Change{}).SourceCommit, release(t, service, lab.Change{}).SourceCommit
	deployNow(t, service, live).want(t, contract.DecidedSucceeded, "", 0)
	for _, point := range []workload.Point{
		workload.PointBefore, workload.PointTag, workload.PointConfigure, workload.PointReplace, workload.PointSwitch,
		workload.PointPending, workload.PointSettle,
	} {
		t.Run(string(point), func(t *testing.T) {
			killed := show(t, agentUnit, "MainPID")["MainPID"]
			r := begin(t, deployCommand(t, service, next))
			r.reaches(t, point)
			on(t, "systemctl kill --signal=KILL "+agentUnit)
			r.end(t).want(t, contract.DecidedSucceeded, "", 0)
			runsOnD601(t, service, next)
			eventually(t, time.Minute, "the agent is started again", func() error {
				if now := show(t, agentUnit, "MainPID")["MainPID"]; now == killed || now == "0" {
					return fmt.Errorf("it is process %s, and was %s before it was killed", now, killed)
				}
				return nil
			})
			live, next = next, live
		})
	}
}
