package cli

import (
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

func errDryRunGrant() error {
	return fault.New(fault.Usage, "--dry-run contacts nothing and wants no --grant")
}

// withGrant names the file that was given in the lines to type next.
func withGrant(r deploy.Result, file string) deploy.Result {
	name := func(line string) string {
		return strings.Replace(line, "--grant "+deploy.GrantPlaceholder, "--grant "+tunnel.Quote(file), 1)
	}
	if file != "" && r.Plan != nil {
		r.Plan.Next = name(r.Plan.Next)
	}
	if file != "" && r.Failure != nil {
		r.Failure.Next = name(r.Failure.Next)
	}
	return r
}
