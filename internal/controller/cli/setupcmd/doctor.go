package setupcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/doctor"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/setupanswer"
)

type doctorCommand struct{ *command.App }

// NewDoctor returns the command doctor.
func NewDoctor(a *command.App) *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check the whole set-up, with a fix for each finding",
		Long: `doctor checks what a deploy leans on: the configuration, UniDesk's files,
Compose and the engine, the state folder, and every host of controller.yaml. It
changes nothing, and of a secret it tells whether it is there and how long it
is.

Exit codes: 0 all is ok, 4 there are warnings, 1 something would keep a deploy
from working.`,
		Example: "  unidesk-controller doctor", Args: cobra.NoArgs, RunE: a.Runs(doctorCommand{a}),
	}
}

func (c doctorCommand) Run(ctx context.Context) (present.Answer, error) {
	d := doctor.Examiner{ConfigDir: c.ConfigDir, Version: c.Version}.Diagnose(ctx)
	return setupanswer.Diagnosed(d).UnlessStopped(ctx), nil
}
