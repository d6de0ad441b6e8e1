package controller

import "github.com/spf13/cobra"

// diagnosisExit is what a diagnosis comes to as an exit code.
func diagnosisExit(d diagnosis) int {
	switch d.Decision {
	case levelOK:
		return ExitOK
	case levelWarning:
		return ExitDegraded
	default:
		return ExitFailed
	}
}

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
			d := examiner{configDir: a.configDir, version: a.version}.diagnose(cmd.Context())
			if a.code = diagnosisExit(d); cmd.Context().Err() != nil {
				a.code = ExitInterrupted
			}
			if a.format == "json" {
				return a.json(d)
			}
			return printDiagnosis(a.Out, d)
		},
	}
}
