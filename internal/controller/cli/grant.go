package cli

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func errDryRunGrant() error {
	return fault.New(fault.Usage, "--dry-run contacts nothing and wants no --grant")
}
