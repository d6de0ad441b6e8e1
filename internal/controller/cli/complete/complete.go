// Package complete offers a shell what only the configuration, the receipts and the
// registry know. What it cannot find out it leaves out: a line that is being typed is no
// place for an error.
package complete

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/explain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
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
		"service": c.Services, "env": environments, "commit": c.commits, "to": c.proven, "run": c.runs, "outcome": cobra.FixedCompletions(outcomes(), cobra.ShellCompDirectiveNoFileComp),
		"role":     cobra.FixedCompletions([]cobra.Completion{"read", "operate", "admin"}, cobra.ShellCompDirectiveNoFileComp),
		"output":   cobra.FixedCompletions([]cobra.Completion{"text", "wide", "json"}, cobra.ShellCompDirectiveNoFileComp),
		"progress": cobra.FixedCompletions([]cobra.Completion{"auto", "tty", "plain", "json", "quiet"}, cobra.ShellCompDirectiveNoFileComp),
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

// outcomes are the outcomes that a receipt may have.
func outcomes() (words []cobra.Completion) {
	for _, o := range ledger.Outcomes() {
		words = append(words, string(o))
	}
	return words
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

// mostRuns is how many runs a shell is offered.
const mostRuns = 50

// runs are the ids of the newest runs, each with what it is of and how it ended, or that it goes
// on or was killed.
func (c Completer) runs(*cobra.Command, []string, string) (ids []cobra.Completion, _ cobra.ShellCompDirective) {
	config, err := site.LoadConfig(*c.ConfigDir)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	runs, _ := journal.Open(config.RunsDir()).Runs(journal.Query{Newest: mostRuns})
	for _, r := range runs {
		state := string(r.State)
		if end := r.Last.End; end != nil {
			state = end.Outcome
		}
		ids = append(ids, cobra.CompletionWithDesc(r.ID, fmt.Sprintf("%s %s %s %s", r.Service, r.Env, r.Commit.Short(), state)))
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

// Reasons completes the reason of a failure, each with its cause.
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
	shelves := []inventory.Shelf{inventory.ShelfOf(ctx, inventory.ListerOf(ctx, far), rows[0])}
	_ = inventory.Know(ctx, config, rows[:1], shelves)
	return commitsOf(shelves[0], environment(cmd), time.Now()), directive
}

// environment is what was typed for --env before, or the default.
func environment(cmd *cobra.Command) artifact.Env {
	if f := cmd.Flags().Lookup("env"); f != nil {
		if env, err := artifact.ParseEnv(f.Value.String()); err == nil {
			return env
		}
	}
	return artifact.Prod
}

// commitsOf are a shelf's commits, the newest first, each with its age, how it stands in
// the environment, and its subject.
func commitsOf(s inventory.Shelf, env artifact.Env, now time.Time) (list []cobra.Completion) {
	for _, one := range s.Artifacts {
		about := []string{plain.Age(now, one.Created), plain.Label(one.Standing[env]), one.Subject}
		about = slices.DeleteFunc(about, func(s string) bool { return s == "" })
		list = append(list, cobra.CompletionWithDesc(one.Commit.String(), strings.Join(about, ", ")))
	}
	return list
}

// proven are the commits that the service which was typed before can go back to by its
// receipts, the newest first, each with how it stands.
func (c Completer) proven(cmd *cobra.Command, _ []string, _ string) (list []cobra.Completion, _ cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	service, err := artifact.ParseServiceID(cmd.Flags().Lookup("service").Value.String())
	if err != nil {
		return nil, directive
	}
	config, err := site.LoadConfig(*c.ConfigDir)
	if err != nil {
		return nil, directive
	}
	env := environment(cmd)
	receipts, _ := ledger.Open(config.LedgerDir()).History(env, service.String())
	given := map[artifact.Commit]bool{}
	for _, r := range receipts {
		if r.Outcome == ledger.Succeeded && !given[r.Commit] {
			given[r.Commit] = true
			list = append(list, cobra.CompletionWithDesc(r.Commit.String(), plain.Label(ledger.StandingOf(receipts, env, r.Commit, r.Image.Manifest))))
		}
	}
	return list, directive
}
