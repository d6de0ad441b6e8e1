package setupcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/setupanswer"
	"github.com/pikasTech/unidesk-artifact-cd/internal/explain"
)

type explainCommand struct {
	*command.App
	reason string // "" is all
}

// NewExplain returns the command explain.
func NewExplain(a *command.App) *cobra.Command {
	return &cobra.Command{
		Use: "explain [REASON]", Short: "Say what a failure's reason means and what repairs it",
		Long: `explain prints the cause and the repair of a reason, such as LOCKED: the word in
brackets behind the message of a failure, and "reason" in its JSON. Without a
REASON it lists all. It reads no configuration and contacts nothing.`,
		Example: `  unidesk-controller explain LOCKED
  unidesk-controller explain -o json`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.Complete().Reasons,
		RunE: func(cmd *cobra.Command, args []string) error {
			c := explainCommand{App: a}
			if len(args) > 0 {
				c.reason = args[0]
			}
			return a.Do(cmd.Context(), c)
		},
	}
}

func (c explainCommand) Run(context.Context) (present.Answer, error) {
	if c.reason == "" {
		return setupanswer.AllExplained(explain.All()), nil
	}
	entry, err := explain.Of(c.reason)
	if err != nil {
		return present.Answer{}, err
	}
	return setupanswer.Explained(entry), nil
}
