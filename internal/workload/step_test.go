package workload_test

import (
	"errors"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestThePointThatNotedAnErrorFirstStays(t *testing.T) {
	t.Parallel()
	err := workload.At(workload.PointRecord, workload.At(workload.PointSettle, errors.New("boom")))
	if at := workload.PointOf(err); at != workload.PointSettle {
		t.Errorf("the error is of %s, want %s", at, workload.PointSettle)
	}
}
