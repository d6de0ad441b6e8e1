package doctor

import (
	"io/fs"
	"strings"
	"testing"
	"time"
)

// A unit that fails and waits for its next try is enabled already, and its status has the reason.
func TestWithoutAWatchTheUnitsStatusComesFirst(t *testing.T) {
	t.Parallel()
	fix := judgeWatch(false, nil).Fix
	if !strings.HasPrefix(fix, "`systemctl status unidesk-controller`") || !strings.Contains(fix, "as root: `systemctl enable --now unidesk-controller`") {
		t.Error(fix)
	}
}

func TestATextfileThatIsOldOrAwayIsAWarning(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		written time.Time
		err     error
		level   Level
	}{
		"new":  {now.Add(-2 * time.Minute), nil, LevelOK},
		"old":  {now.Add(-6 * time.Minute), nil, LevelWarning},
		"away": {time.Time{}, fs.ErrNotExist, LevelWarning},
	} {
		f := judgeTextfile("/var/lib/node_exporter/unidesk.prom", c.written, c.err, now)
		if f.Level != c.level || !strings.Contains(f.What, "/var/lib/node_exporter/unidesk.prom") || (f.Fix == "") != (c.level == LevelOK) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
