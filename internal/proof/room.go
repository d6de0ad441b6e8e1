package proof

import (
	"fmt"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Room checks that a disk takes what a deploy writes.
func Room(name string, need, free int64) Check {
	return room(name, need, free, "free space there: `docker image prune` removes unused layers")
}

// SpoolRoom is [Room] for the spool, whose disk is another than the engine's, and which
// has a quota.
func SpoolRoom(need, most int64) Check {
	c := room("of the spool", need, most,
		"free space on the disk of the state folder (`unidesk-controller doctor` names it; `df -h` and `df -i` show it), or, if its quota is what bounds it, raise spoolQuota in controller.yaml")
	c.Detail = fmt.Sprintf("needs %s, may take %s (of its quota and its disk, a part of which stays free)", plain.Size(need), plain.Size(most))
	return c
}

func room(name string, need, free int64, fix string) Check {
	c := Check{Name: "disk " + name, OK: free >= need, Detail: fmt.Sprintf("needs %s, %s free", plain.Size(need), plain.Size(free))}
	if !c.OK {
		c.Reason, c.Fix = fault.DiskFull, fix
	}
	return c
}

// Writable checks that the host can write the deploy keys, none if it does not report that.
func Writable(seen workload.Observation) []Check {
	if seen.EnvFile == nil {
		return nil
	}
	if *seen.EnvFile == (workload.Obstacle{}) {
		return []Check{{Name: "env file", OK: true, Detail: "can be replaced"}}
	}
	const name = "env file" // with which the host's words begin, too
	return []Check{{Name: name, Reason: fault.EnvFileInvalid, Detail: strings.TrimPrefix(seen.EnvFile.What, name+" "), Fix: seen.EnvFile.Fix}}
}
