package controller

import (
	"github.com/spf13/cobra"
)

func (a *app) verify() *cobra.Command {
	var service string
	cmd := &cobra.Command{
		Use: "verify --service NAME", Short: "Ask whether what the last receipt proved still runs", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := a.wireDefault()
			if err != nil {
				return err
			}
			defer w.Close()
			a.remind(w.config)
			return a.finish(w.deployer.Verify(cmd.Context(), service))
		},
	}
	cmd.Flags().StringVar(&service, "service", "", "service of the catalog")
	if err := cmd.MarkFlagRequired("service"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}
