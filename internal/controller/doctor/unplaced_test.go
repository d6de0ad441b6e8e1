package doctor

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// The host's own hint for what it has not placed leads to doctor, which is where a person
// is by then.
func TestWhatIsNotPlacedIsNotMendedByDoctorItself(t *testing.T) {
	t.Parallel()
	unplaced := fault.New(fault.WorkloadNotFound, "this host has placed no unidesk/wiki").WithHint("see").WithAction(fault.Examine)
	list := judgeServices("D601", []serviceFacts{{service: "wiki", env: artifact.Prod, err: unplaced}})
	if len(list) != 1 || strings.Contains(list[0].Fix, "unidesk-controller doctor") || !strings.Contains(list[0].Fix, "`unidesk-controller host placement D601`") ||
		!strings.Contains(list[0].Fix, "systemctl restart unidesk-agent") || !strings.Contains(list[0].Fix, "unsupported") {
		t.Errorf("%+v", list)
	}
}
