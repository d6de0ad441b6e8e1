package site

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

func TestLogsAreOfTheServicesOwnContainerFirst(t *testing.T) {
	t.Parallel()
	spec := workload.Spec{Ref: workloadtest.Ref("unidesk", "frontend"), Compose: &workload.ComposeSpec{ContainerName: "frontend"}}
	own, left := workload.Instance{ID: "1", Name: "frontend", Current: true}, workload.Instance{ID: "2", Name: "0123456789ab_frontend"}
	if in, err := speaking(spec, workload.Observation{Instances: []workload.Instance{left, own}}); err != nil || in.ID != "1" {
		t.Errorf("%v %v", in, err)
	}
	if in, err := speaking(spec, workload.Observation{Instances: []workload.Instance{left}}); err != nil || in.ID != "2" {
		t.Errorf("%v %v", in, err)
	}
	if _, err := speaking(spec, workload.Observation{}); fault.ReasonOf(err) != fault.WorkloadNotFound || !strings.Contains(err.Error(), "no container of frontend:") {
		t.Errorf("%v", err)
	}
}
