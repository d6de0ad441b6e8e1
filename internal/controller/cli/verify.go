package cli

import (
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
)

func (a *app) verify() *cobra.Command {
	var env, service string
	cmd := &cobra.Command{
		Use: "verify --service NAME [--env dev|prod]", Short: "Ask whether what the last receipt proved still runs", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := catalog.ParseEnv(env)
			if err != nil {
				return err
			}
			w, err := a.wireDefault()
			if err != nil {
				return err
			}
			defer w.Close()
			a.remind(w.Config)
			return a.finish(w.Deployer.Verify(cmd.Context(), in, service))
		},
	}
	cmd.Flags().StringVar(&service, "service", "", "service of the catalog")
	cmd.Flags().StringVar(&env, "env", "", "environment, dev or prod (default prod)")
	if err := cmd.MarkFlagRequired("service"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}
