package cli

import (
	"os"
	"path/filepath"

	"charm.land/lipgloss/v2"
	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

func (a *app) registryRender() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "render [--out DIR]", Short: "Print the registry's three files and their SHA-256", Args: cobra.NoArgs,
		Long: `render prints the registry's configuration, Compose file and systemd unit as they
are declared, each with its SHA-256. The same settings give the same bytes on any
machine. Nothing is contacted. With --out the files are written below DIR instead.`,
		RunE: func(*cobra.Command, []string) error {
			c, from, err := site.Declared(a.configDir)
			if err != nil {
				return err
			}
			r := present.RegistryRendered{Source: from, Settings: c.Registry}
			for _, f := range registry.Render(c.Registry) {
				one := present.RenderedFile{Name: f.Name, Path: f.Path, SHA256: f.Hash().String(), Content: string(f.Content)}
				if out != "" {
					one.Written = filepath.Join(out, filepath.Base(f.Path))
					if err := writeRendered(one.Written, f.Content); err != nil {
						return err
					}
				}
				r.Files = append(r.Files, one)
			}
			if a.format == "json" {
				return a.json(r)
			}
			lipgloss.Fprintln(a.Err, present.Faint.Render("settings: "+from)) // the files alone do not tell of a --config that leads nowhere
			return present.PrintRendered(a.Out, r)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "write the files into this folder")
	return cmd
}

func writeRendered(path string, content []byte) error {
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = renameio.WriteFile(path, content, 0o644)
	}
	if err != nil {
		return fault.New(fault.Usage, "--out: %w", err)
	}
	return nil
}
