package cli

import (
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/doctor"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

func (a *app) doctor() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check the whole set-up from here, with a fix for each finding",
		Long: `doctor checks what a deploy leans on: the configuration, UniDesk's files, Compose
and the engine, the state folder, and every host of controller.yaml. It changes
nothing, and of a secret it tells whether it is there and how long it is.

Exit codes: 0 all is well, 4 there are warnings, 1 something would keep a deploy
from working.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := doctor.Examiner{ConfigDir: a.configDir, Version: a.version}.Diagnose(cmd.Context())
			if a.code = present.DiagnosisExit(d); cmd.Context().Err() != nil {
				a.code = present.ExitInterrupted
			}
			if a.format == "json" {
				return a.json(d)
			}
			return present.PrintDiagnosis(a.Out, d)
		},
	}
}
