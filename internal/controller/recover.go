package controller

import (
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
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
			done, err := w.deployer.Recover(cmd.Context())
			if err != nil {
				return err
			}
			for _, one := range done {
				if one.Action == contract.Failed || one.Action == contract.Busy {
					a.code = ExitFailed
				}
			}
			if a.format == "json" {
				return a.json(struct {
					OK        bool                `json:"ok"`
					Recovered []contract.Recovery `json:"recovered"`
				}{a.code == ExitOK, append([]contract.Recovery{}, done...)})
			}
			return printRecovered(a.Out, done)
		},
	}
}
