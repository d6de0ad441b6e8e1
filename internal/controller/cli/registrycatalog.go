package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
)

func (a *app) registryCatalog() *cobra.Command {
	return &cobra.Command{
		Use: "catalog", Short: "Compare what CI.json declares, the registry holds and receipts prove", Args: cobra.NoArgs,
		Long: `catalog shows each service by what CI.json declares, what the registry holds and
what the last proven receipt says is live. CI.json is a plan and no evidence: an
upstream-image entry is coverage only, and makes nothing deployable.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			services, err := site.RowsOf(a.configDir, "")
			if err != nil {
				return err
			}
			c, err := site.LoadConfig(a.configDir)
			if err != nil {
				return err
			}
			a.remind(c)
			far := site.NewRemote(c.Hosts[c.RegistryHost], a.version)
			defer func() { _ = far.Close() }()
			ctx := cmd.Context()
			held := inventory.Shelves(ctx, inventory.ListerOf(ctx, far), services)
			all := inventory.ThreeWay{Unasked: append([]inventory.Unasked{}, inventory.Failures(held)...)}
			entries, found, err := unidesk.CI(c.Master.Root)
			if all.HasCI = found; err != nil {
				all.NoCI = true
				all.Unasked = append(all.Unasked, *inventory.NotAsked("what is declared", err))
			}
			receipts, err := ledger.Open(c.LedgerDir()).History("", "")
			if err != nil {
				all.NoLedger = true
				all.Unasked = append(all.Unasked, *inventory.NotAsked("what is live", err))
			}
			all.Services = inventory.Cover(entries, services, held, receipts)
			a.exitIncomplete(ctx, len(all.Unasked) > 0)
			if all.OK = a.code == present.ExitOK; a.format == "json" {
				return a.json(all)
			}
			if err := present.Rows(a.Out, []string{"SERVICE", "DECLARED", "PUBLISHED", "PROD", "DEV", "NOTE"}, present.CoverageLines(all, time.Now())); err != nil {
				return err
			}
			return present.PrintUnasked(a.Out, all.Unasked)
		},
	}
}
