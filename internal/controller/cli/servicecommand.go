package cli

import (
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

// serviceFlags are those of a command about one service.
func serviceFlags(cmd *cobra.Command, service, env *string) {
	cmd.Flags().StringVar(service, "service", "", "service of the catalog")
	cmd.Flags().StringVar(env, "env", "", "environment, dev or prod (default prod)")
	if err := cmd.MarkFlagRequired("service"); err != nil {
		panic(err) // the flag is defined above
	}
}

// place is where a service runs, with the hands there, for a question.
func (a *app) place(service, environment string) (*site.Place, error) {
	services, err := site.LoadCatalog(a.configDir)
	if err != nil {
		return nil, err
	}
	at, err := site.FindPlace(services, service, environment)
	if err != nil {
		return nil, err
	}
	w, err := a.wire(services, site.Reading)
	if err != nil {
		return nil, err
	}
	a.remind(w.Config)
	if err := at.Equip(w.Wired); err != nil {
		w.Close()
		return nil, err
	}
	return at, nil
}
