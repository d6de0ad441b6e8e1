//go:build integration

package integration

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// example is a line of the specification, as it stands after the prefix, and what
// it comes to if what it names was published. A line that a gate stops ends at the gate,
// however far it goes.
type example struct {
	line     string
	decision contract.Decision
}

// examples are the deploys of the first list, which only look, and of the second,
// with the line between the two. Package e2e types those that want D601 itself: the
// registry's, and the services that go live there. This D601 has no Kubernetes, and
// refuses what the catalog places there.
func examples() (first, second []example) {
	const ready, gated, live, unsupported, unplaced = contract.DecidedReady, contract.DecidedGated, contract.DecidedSucceeded, contract.DecidedUnsupported, contract.DecidedBlocked
	first = []example{
		{"artifact-registry deploy-service --service baidu-netdisk --commit <full-sha>", ready},
		{"artifact-registry deploy-service --service frontend --env prod --commit <full-sha>", ready},
		{"artifact-registry deploy-service --service frontend --env dev --commit <full-sha>", unplaced},
		{"artifact-registry deploy-service --service decision-center --commit <full-sha>", unplaced},
		{"artifact-registry deploy-service --env prod --service project-manager --commit <full-sha>", ready},
		{"artifact-registry deploy-service --env prod --service oa-event-flow --commit <full-sha>", ready},
		{"artifact-registry deploy-service --env prod --service code-queue-mgr --commit <full-sha> --dry-run", gated},
		{"artifact-registry deploy-service --env prod --service todo-note --commit <full-sha>", ready},
		{"artifact-registry deploy-service --env dev --service findjob --commit <full-sha> --dry-run", unsupported},
		{"artifact-registry deploy-service --env dev --service pipeline --commit <full-sha> --dry-run", unsupported},
		{"artifact-registry deploy-service --env dev --service met-nonlinear --commit <full-sha> --dry-run", unsupported},
		{"artifact-registry deploy-service --env prod --service k3sctl-adapter --commit <full-sha> --dry-run", gated},
		{"artifact-registry deploy-service --service mdtodo --env dev --commit <full-sha>", unplaced},
		{"artifact-registry deploy-service --service mdtodo --env prod --commit <full-sha>", unplaced},
		{"artifact-registry deploy-service --service claudeqq --env dev --commit <full-sha>", unplaced},
		{"artifact-registry deploy-service --service claudeqq --env prod --commit <full-sha>", unplaced},
		{"artifact-registry deploy-service --service code-queue --env dev --commit <full-sha>", unplaced},
	}
	second = []example{
		{"deploy apply --env prod --service backend-core --commit <full-sha>", live},
		{"artifact-registry deploy-service --service baidu-netdisk --commit <full-sha> --run-now", live},
		{"artifact-registry deploy-service --service frontend --env prod --commit <full-sha> --run-now", live},
		{"artifact-registry deploy-service --service frontend --env dev --commit <full-sha> --run-now", unplaced},
		{"artifact-registry deploy-service --env dev --service decision-center --commit <full-sha> --run-now", unplaced},
		{"artifact-registry deploy-service --service decision-center --commit <full-sha> --run-now", unplaced},
		{"artifact-registry deploy-service --env prod --service project-manager --commit <full-sha> --run-now", live},
		{"artifact-registry deploy-service --env prod --service oa-event-flow --commit <full-sha> --run-now", live},
		{"artifact-registry deploy-service --env prod --service todo-note --commit <full-sha> --run-now", live},
		{"artifact-registry deploy-service --env dev --service mdtodo --commit <full-sha> --run-now", unplaced},
		{"artifact-registry deploy-service --env prod --service mdtodo --commit <full-sha> --run-now", unplaced},
		{"artifact-registry deploy-service --env dev --service claudeqq --commit <full-sha> --run-now", unplaced},
		{"artifact-registry deploy-service --env prod --service claudeqq --commit <full-sha> --run-now", unplaced},
		{"artifact-registry deploy-service --env dev --service code-queue --commit <full-sha> --run-now", unplaced},
	}
	return first, second
}

// Every master service goes live, and all else that the lists show is answered.
func TestTheExamplesRunAsWritten(t *testing.T) {
	commit := published(t)
	first, second := examples()
	t.Run("the first list", func(t *testing.T) { typed(t, first, commit) })
	t.Run("the second list", func(t *testing.T) { typed(t, second, commit) })
}

// typed types each line with the commit of its service; no two change the same service.
func typed(t *testing.T, list []example, commit func(service string) string) {
	t.Helper()
	for _, e := range list {
		t.Run(e.line, func(t *testing.T) {
			t.Parallel()
			_, after, _ := strings.Cut(e.line, "--service ")
			service := strings.Fields(after)[0]
			a := world.Run(t, strings.Fields(strings.ReplaceAll(e.line, "<full-sha>", commit(service)))...)
			reason, exit := fault.Reason(""), 0
			switch e.decision {
			case contract.DecidedGated:
				reason, exit = fault.SupervisorRequired, 3
			case contract.DecidedUnsupported: // of dev, which only validates
				reason, exit = fault.Unsupported, 3
			case contract.DecidedBlocked:
				reason, exit = fault.WorkloadNotFound, 3
			}
			a.Want(t, e.decision, reason, exit)
			if live := e.decision == contract.DecidedSucceeded; a.Result.Mutated != live {
				t.Errorf("mutated: %v", a.Result.Mutated)
			} else if !live {
				return
			}
			world.Lives(t, service, commit(service))
			composed := strings.Contains(strings.Join(a.Result.Witnesses, "\n"), "composed")
			if composed != (service == "todo-note") {
				t.Errorf("witnesses %q", a.Result.Witnesses)
			}
		})
	}
}

// published publishes what the lines name, and returns each service's commit. What
// is only looked at is pushed from another's image, under its own name and label.
func published(t *testing.T) func(service string) string {
	t.Helper()
	unidesk, err := world.CI.Release(t.Context(), "frontend", lab.Change{Behaviour: "ok"})
	drive.Must(t, err)
	todo := world.Release(t, "todo-note", lab.Change{})
	for _, service := range []string{"baidu-netdisk", "project-manager", "oa-event-flow", "backend-core"} {
		_, err := world.CI.Publish(t.Context(), service, unidesk.SourceCommit)
		drive.Must(t, err)
	}
	for _, service := range []string{"decision-center", "mdtodo", "claudeqq", "code-queue"} {
		from := unidesk
		from.ServiceID = service
		_, err := world.CI.PushLabelled(t.Context(), from, from.SourceCommit, map[string]string{"unidesk.service": service})
		drive.Must(t, err)
	}
	return func(service string) string {
		if service == "todo-note" { // from a repository of its own
			return todo
		}
		return unidesk.SourceCommit
	}
}
