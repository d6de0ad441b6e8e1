package cli

import (
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
)

func (a *app) recover() *cobra.Command {
	return &cobra.Command{
		Use: "recover", Short: "End what killed runs left: the old version back, or the receipt finished", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := a.wireDefault()
			if err != nil {
				return err
			}
			defer w.Close()
			a.acts(nil)
			done, err := w.Deployer.Recover(cmd.Context())
			if err != nil {
				return err
			}
			for _, one := range done {
				if one.Action == deploy.Failed || one.Action == deploy.Busy {
					a.code = present.ExitFailed
				}
			}
			if a.format == "json" {
				return a.json(struct {
					OK        bool              `json:"ok"`
					Recovered []deploy.Recovery `json:"recovered"`
				}{a.code == present.ExitOK, append([]deploy.Recovery{}, done...)})
			}
			return present.PrintRecovered(a.Out, done)
		},
	}
}
