package controller

import "github.com/pikasTech/unidesk-artifact-cd/internal/contract"

// DecisionCode is the exit code of a decision, for the test of the whole matrix.
func DecisionCode(d contract.Decision) int { return decisionCode(d) }

// RegistryResults are what the registry's commands answer, for the test that the
// page on output names each key.
func RegistryResults() []any {
	return []any{registryResult{}, registryPlan{}, dependencies{}, planned{}, registryRendered{}, renderedFile{}, registryDryRun{}}
}

// WithGrant names the file of a grant in a result.
func WithGrant(r contract.Result, file string) contract.Result { return withGrant(r, file) }
