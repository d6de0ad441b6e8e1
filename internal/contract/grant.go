package contract

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
)

// WantsGrant reports whether a supervisor's grant is what opens the gate.
func (c Contract) WantsGrant() bool {
	return c.Gate.Code == catalog.SupervisorRequired && c.Gate.Mode == catalog.Live
}

// Granted is the contract with a grant in hand, which was verified for exactly it.
func (c Contract) Granted(g grant.Grant) Contract {
	c.Grant, c.asked.Granted, c.Statement = &g, true, ""
	c.judge()
	return c
}

// Promoted is the contract of a digest that a deploy has proven already.
func (c Contract) Promoted() Contract {
	c.asked.Promoted = true
	c.judge()
	return c
}

// ToSign is the dry run, which prints what a supervisor signs.
func (c Contract) ToSign() Command {
	return c.Meant(DeployCommand(c.Service, c.Env, c.Commit.String(), "--dry-run"))
}
