package doctor

import (
	"strings"
	"testing"
)

// A unit that fails and waits for its next try is enabled already, and its status has the reason.
func TestWithoutAWatchTheUnitsStatusComesFirst(t *testing.T) {
	t.Parallel()
	fix := judgeWatch(false, nil).Fix
	if !strings.HasPrefix(fix, "`systemctl status unidesk-controller`") || !strings.Contains(fix, "as root: `systemctl enable --now unidesk-controller`") {
		t.Error(fix)
	}
}
