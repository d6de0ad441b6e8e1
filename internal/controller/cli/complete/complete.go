// Package complete offers a shell what only the configuration, the receipts and the
// registry know. What it cannot find out it leaves out: a line that is being typed is no
// place for an error.
package complete

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/explain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// within is the most that a shell is kept waiting for a host.
const within = 3 * time.Second

// Completer completes the words of command lines.
type Completer struct {
	// ConfigDir is the folder of the configuration, once the flags are parsed.
	ConfigDir *string
	// Version is that of this program.
	Version string
}

// Flags completes the values of the flags of a command and of those below it.
func (c Completer) Flags(cmd *cobra.Command) {
	for flag, complete := range map[string]cobra.CompletionFunc{
		"service": c.Services, "env": environments, "commit": c.commits,
		"role":   cobra.FixedCompletions([]cobra.Completion{"read", "operate", "admin"}, cobra.ShellCompDirectiveNoFileComp),
		"output": cobra.FixedCompletions([]cobra.Completion{"text", "json"}, cobra.ShellCompDirectiveNoFileComp),
	} {
		if cmd.Flags().Lookup(flag) != nil || cmd.PersistentFlags().Lookup(flag) != nil {
			if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
				panic(err) // the flag is there, and nobody else completes it
			}
		}
	}
	for _, sub := range cmd.Commands() {
		c.Flags(sub)
	}
}

// Services are those of the catalog.
func (c Completer) Services(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	if services, err := site.LoadCatalog(*c.ConfigDir); err == nil {
		for _, id := range services.Services() {
			names = append(names, id.String())
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// Receipts are the ids of the receipts, the newest first, each with what it is of.
func (c Completer) Receipts(_ *cobra.Command, args []string, _ string) (ids []cobra.Completion, _ cobra.ShellCompDirective) {
	config, err := site.LoadConfig(*c.ConfigDir)
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	receipts, _ := ledger.Open(config.LedgerDir()).History(0, "")
	for _, r := range receipts {
		ids = append(ids, cobra.CompletionWithDesc(r.ID, fmt.Sprintf("%s %s %s %s", r.Service, r.Env, r.Commit.Short(), r.Outcome)))
	}
	return ids, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// Hosts are those of the configuration.
func (c Completer) Hosts(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	config, err := site.LoadConfig(*c.ConfigDir)
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(config.Hosts)), cobra.ShellCompDirectiveNoFileComp
}

// Reasons are those of failures, each with its cause.
func (c Completer) Reasons(_ *cobra.Command, args []string, _ string) (reasons []cobra.Completion, _ cobra.ShellCompDirective) {
	if len(args) == 0 {
		for _, e := range explain.All() {
			reasons = append(reasons, cobra.CompletionWithDesc(string(e.Reason), e.Cause))
		}
	}
	return reasons, cobra.ShellCompDirectiveNoFileComp
}

func environments(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	for _, env := range artifact.Envs() {
		names = append(names, env.String())
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// commits asks the registry for what it holds of the service that was
// typed before.
func (c Completer) commits(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	name := "backend-core" // all that its legacy command is about
	if f := cmd.Flags().Lookup("service"); f != nil {
		name = f.Value.String()
	}
	if name == "" {
		return nil, directive
	}
	rows, err := site.RowsOf(*c.ConfigDir, name)
	if err != nil {
		return nil, directive
	}
	config, err := site.LoadConfig(*c.ConfigDir)
	if err != nil {
		return nil, directive
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), within)
	defer cancel()
	far := site.NewRemote(config.RegistryHost, config.Hosts[config.RegistryHost], c.Version)
	defer func() { _ = far.Close() }()
	return commitsOf(inventory.ShelfOf(ctx, inventory.ListerOf(ctx, far), rows[0]), time.Now()), directive
}

// commitsOf are a shelf's commits, the newest first, each with its age.
func commitsOf(s inventory.Shelf, now time.Time) (list []cobra.Completion) {
	for _, one := range s.Artifacts {
		list = append(list, cobra.CompletionWithDesc(one.Commit.String(), plain.Age(now, one.Created)))
	}
	return list
}
