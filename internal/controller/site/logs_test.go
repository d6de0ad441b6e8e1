package site

import (
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestLogsAreOfTheServicesOwnContainerFirst(t *testing.T) {
	t.Parallel()
	spec := workload.Spec{Container: "frontend"}
	own, left := workload.Instance{ID: "1", Name: "frontend"}, workload.Instance{ID: "2", Name: "0123456789ab_frontend"}
	if in, err := speaking(spec, workload.Observation{Instances: []workload.Instance{left, own}}); err != nil || in.ID != "1" {
		t.Errorf("%v %v", in, err)
	}
	if in, err := speaking(spec, workload.Observation{Instances: []workload.Instance{left}}); err != nil || in.ID != "2" {
		t.Errorf("%v %v", in, err)
	}
	if _, err := speaking(spec, workload.Observation{}); fault.ReasonOf(err) != fault.WorkloadNotFound {
		t.Errorf("%v", err)
	}
}
