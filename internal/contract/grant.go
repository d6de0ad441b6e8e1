package contract

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
)

// WantsGrant reports whether a supervisor's grant would open the gate.
func (c Contract) WantsGrant() bool {
	return c.Gate.Code == catalog.SupervisorRequired && c.Gate.Mode == catalog.Live
}

// Granted returns the contract with a grant, which was verified for exactly this contract.
func (c Contract) Granted(g grant.Grant) Contract {
	c.Grant, c.asked.Granted, c.Statement = &g, true, ""
	c.judge()
	return c
}

// Promoted returns the contract once a deploy has proven its digest.
func (c Contract) Promoted() Contract {
	c.asked.Promoted = true
	c.judge()
	return c
}

// ToSign returns the dry run, which prints the text that a supervisor signs.
func (c Contract) ToSign() Command {
	return c.Meant(DeployCommand(c.Service, c.Env, c.Commit.String(), "--dry-run"))
}
