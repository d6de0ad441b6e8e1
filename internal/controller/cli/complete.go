package cli

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
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// completeWithin is the most that a shell is kept waiting for a host.
const completeWithin = 3 * time.Second

// completions lets a shell complete what only the configuration and the registry
// know. Whatever cannot be told is left out without a word: a line that is being
// typed is no place for an error.
func (a *app) completions(cmd *cobra.Command) {
	for flag, complete := range map[string]cobra.CompletionFunc{
		"service": a.completeServices, "env": completeEnvs, "commit": a.completeCommits,
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
		a.completions(sub)
	}
}

func (a *app) completeServices(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	if c, err := site.LoadCatalog(a.configDir); err == nil {
		for _, id := range c.Services() {
			names = append(names, id.String())
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeReceipts are the ids of the receipts, the newest first, each with what it is of.
func (a *app) completeReceipts(_ *cobra.Command, args []string, _ string) (ids []cobra.Completion, _ cobra.ShellCompDirective) {
	c, err := site.LoadConfig(a.configDir)
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	receipts, _ := ledger.Open(c.LedgerDir()).History(0, "")
	for _, r := range receipts {
		ids = append(ids, cobra.CompletionWithDesc(r.ID, fmt.Sprintf("%s %s %s %s", r.Service, r.Env, r.Commit.Short(), r.Outcome)))
	}
	return ids, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

func (a *app) completeHosts(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	c, err := site.LoadConfig(a.configDir)
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(c.Hosts)), cobra.ShellCompDirectiveNoFileComp
}

func completeEnvs(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	for _, env := range artifact.Envs() {
		names = append(names, env.String())
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeCommits asks the registry for what it holds of the service that was
// typed before.
func (a *app) completeCommits(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	name := "backend-core" // all that its legacy command is about
	if f := cmd.Flags().Lookup("service"); f != nil {
		name = f.Value.String()
	}
	if name == "" {
		return nil, directive
	}
	rows, err := site.RowsOf(a.configDir, name)
	if err != nil {
		return nil, directive
	}
	c, err := site.LoadConfig(a.configDir)
	if err != nil {
		return nil, directive
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
	defer cancel()
	far := site.NewRemote(c.RegistryHost, c.Hosts[c.RegistryHost], a.version)
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
