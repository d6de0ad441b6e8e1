package registrycmd

import (
	"context"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/registryanswer"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

type renderCommand struct {
	*command.App
	out string // a folder
}

func newRender(a *command.App) *cobra.Command {
	c := &renderCommand{App: a}
	cmd := &cobra.Command{
		Use: "render [--out DIR]", Short: "Print the registry's three files and their SHA-256",
		Long: `render prints the registry's configuration, Compose file and systemd unit as
they are declared, each with its SHA-256. The same settings give the same bytes
on any machine. Nothing is contacted. With --out the files are written below DIR
instead.`,
		Example: `  unidesk-controller artifact-registry render
  unidesk-controller artifact-registry render --out ./registry`,
		Args: cobra.NoArgs, RunE: a.Runs(c),
	}
	cmd.Flags().StringVar(&c.out, "out", "", "write the files into this folder")
	return cmd
}

func (c *renderCommand) Run(context.Context) (present.Answer, error) {
	config, from, err := site.Declared(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	r := registryanswer.Rendering{Source: from, Settings: config.Registry}
	for _, f := range registry.Render(config.Registry) {
		file := registryanswer.File{Name: f.Name, Path: f.Path, SHA256: f.Hash().String(), Content: string(f.Content)}
		if c.out != "" {
			file.Written = filepath.Join(c.out, filepath.Base(f.Path))
			if err := writeRendered(file.Written, f.Content); err != nil {
				return present.Answer{}, err
			}
		}
		r.Files = append(r.Files, file)
	}
	if c.Format != present.JSON {
		terminal.Aside(c.Err, "settings: "+from) // the files alone do not show a --config that leads nowhere
	}
	return registryanswer.Render(r), nil
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
