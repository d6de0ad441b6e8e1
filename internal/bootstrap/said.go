package bootstrap

import (
	"errors"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// said holds what the script's lines report.
type said struct {
	acts     []Act
	restored bool
	// failed means that what the script restored does not start.
	failed bool
}

func parseSaid(out []byte) (s said) {
	for line := range strings.Lines(string(out)) {
		verb, target, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch verb {
		case "changed", "same":
			s.acts = append(s.acts, Act{target, verb == "changed"})
		case "restored":
			s.restored = true
		case "failed":
			s.failed = true
		}
	}
	return s
}

// explain gives the script's exit codes their reasons.
func explain(err error) error {
	exit := (*tunnel.ExitError)(nil)
	if !errors.As(err, &exit) {
		return err
	}
	reason, known := map[int]fault.Reason{
		exitDamaged: fault.DigestMismatch, exitUnfit: fault.Unsupported, exitNotRunning: fault.UnitFailed, exitInTheWay: fault.PathRefused,
		exitNoRoom: fault.DiskFull, exitBusy: fault.Busy, exitNotRoot: fault.RoleMissing,
		exitNoCluster: fault.KubernetesUnavailable,
	}[exit.Code]
	if !known {
		reason = fault.Internal
	}
	f := fault.New(reason, "%w", err)
	f.Retry = reason == fault.Busy || reason == fault.DigestMismatch
	return f
}
