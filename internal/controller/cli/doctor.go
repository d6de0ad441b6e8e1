package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/doctor"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

type doctorCommand struct{ *app }

func (a *app) doctor() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check the whole set-up from here, with a fix for each finding",
		Long: `doctor checks what a deploy leans on: the configuration, UniDesk's files, Compose
and the engine, the state folder, and every host of controller.yaml. It changes
nothing, and of a secret it tells whether it is there and how long it is.

Exit codes: 0 all is well, 4 there are warnings, 1 something would keep a deploy
from working.`,
		Example: "  unidesk-controller doctor", Args: cobra.NoArgs, RunE: a.runs(doctorCommand{a}),
	}
}

func (c doctorCommand) run(ctx context.Context) (present.Answer, error) {
	d := doctor.Examiner{ConfigDir: c.configDir, Version: c.version}.Diagnose(ctx)
	return present.Diagnosed(d).UnlessStopped(ctx), nil
}
