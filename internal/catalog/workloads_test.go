package catalog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
)

func TestAHostPlacesEachServiceOnceAndAsItsLiveRowHasIt(t *testing.T) {
	t.Parallel()
	const more = `
  a-shadow:
    shape: d601-compose
    compose: {project: wiki, service: wiki, container: shadow, image: shadow}
    environments: {prod: {mode: validate, why: it shows what the live row of wiki must win against}}
  wiki:
    shape: d601-compose
    compose: {project: wiki, service: wiki, container: wiki-backend, image: wiki}
    environments: {prod: {mode: live}}
`
	c, err := catalog.Parse(append(catalog.BuiltinFile(), more...))
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string][]string{
		"D601": {
			"compose-findjob.findjob findjob-backend", "compose-met-nonlinear.met-nonlinear met-nonlinear-backend",
			"compose-pipeline.pipeline pipeline-backend", "compose-wiki.wiki wiki-backend",
			"kubernetes-unidesk-dev.claudeqq claudeqq", "kubernetes-unidesk-dev.code-queue code-queue",
			"kubernetes-unidesk-dev.decision-center decision-center", "kubernetes-unidesk-dev.frontend frontend",
			"kubernetes-unidesk-dev.mdtodo mdtodo", "kubernetes-unidesk.claudeqq claudeqq",
			"kubernetes-unidesk.decision-center decision-center", "kubernetes-unidesk.mdtodo mdtodo",
		},
		"master": {
			"compose-desk.backend-core unidesk-backend-core", "compose-desk.baidu-netdisk baidu-netdisk-backend",
			"compose-desk.code-queue-mgr code-queue-mgr-backend", "compose-desk.frontend unidesk-frontend",
			"compose-desk.oa-event-flow oa-event-flow-backend", "compose-desk.project-manager project-manager-backend",
			"compose-desk.todo-note todo-note-backend",
		},
		"elsewhere": nil,
	} {
		var got []string
		for _, spec := range c.Workloads(host, "desk") {
			got = append(got, spec.Ref.String()+" "+spec.Display())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", host, diff)
		}
	}
}
