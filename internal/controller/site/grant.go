package site

import (
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// GrantSpent refuses a grant whose one deploy has its receipt. One that was used by
// a run without a receipt goes on: that run may have left a change, and only its
// host can tell.
func (c Config) GrantSpent(contract deploy.Contract, g grant.Grant) error {
	used := c.grantUsed(g)
	if used == nil {
		return nil
	}
	receipts, err := ledger.Open(c.LedgerDir()).History(string(contract.Env), contract.Service.String())
	if err != nil {
		return err
	}
	if slices.ContainsFunc(receipts, func(r ledger.Receipt) bool { return r.Grant != nil && r.Grant.Nonce == g.Nonce }) {
		return used
	}
	return nil
}

// grantUsed implements deploy.Deployer's.
func (c Config) grantUsed(g grant.Grant) error { return grant.Used(c.grantsDir(), g) }

// useGrant implements deploy.Deployer's.
func (c Config) useGrant(g grant.Grant, by string) error {
	return grant.Use(c.grantsDir(), g, by, time.Now())
}
