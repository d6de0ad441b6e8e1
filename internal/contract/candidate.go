package contract

import (
	"maps"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Candidate is a service that deploy.json names, with its contract, or with the error
// if there can be no contract.
type Candidate struct {
	Service  string
	Contract Contract
	// Wanted is the commit that deploy.json names, "" if deploy.json names no valid commit.
	Wanted string
	Err    error
}

// Candidates derives a contract from each wanted commit, in alphabetical order.
func Candidates(c *catalog.Catalog, env artifact.Env, wanted map[string]string, req Request) (all []Candidate) {
	for _, service := range slices.Sorted(maps.Keys(wanted)) {
		req.Service, req.Env, req.Commit = service, env, wanted[service]
		_, err := c.Row(service)
		var contract Contract
		if err == nil {
			contract, err = NewContract(c, req)
		}
		if fault.ReasonOf(err) == fault.CommitNotPinned { // and the file's other values are not ours to show
			err = fault.New(fault.CommitNotPinned, "deploy.json wants %s at something that is not a full commit id", service).
				WithHint("name one there; `%s` lists those that are published", ListCommand(service))
		}
		one := Candidate{Service: service, Contract: contract, Err: err}
		if commit, err := artifact.ParseCommit(req.Commit); err == nil {
			one.Wanted = commit.String()
		}
		all = append(all, one)
	}
	return all
}
