package controller

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

// renderedFile is one of the three as the output has it.
type renderedFile struct {
	Name registry.FileName `json:"name"`
	// Path is where it is on the registry's host, Written where this command put it.
	Path    string `json:"path"`
	SHA256  string `json:"sha256"`
	Content string `json:"content"`
	Written string `json:"written,omitempty"`
}

// registryRendered is what render answers. docs/output.md describes its JSON.
type registryRendered struct {
	Source   string            `json:"source"`
	Settings registry.Settings `json:"settings"`
	Files    []renderedFile    `json:"files"`
}

func (a *app) registryRender() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "render [--out DIR]", Short: "Print the registry's three files and their SHA-256", Args: cobra.NoArgs,
		Long: `render prints the registry's configuration, Compose file and systemd unit as they
are declared, each with its SHA-256. The same settings give the same bytes on any
machine. Nothing is contacted. With --out the files are written below DIR instead.`,
		RunE: func(*cobra.Command, []string) error {
			c, from, err := declared(a.configDir)
			if err != nil {
				return err
			}
			r := registryRendered{Source: from, Settings: c.Registry}
			for _, f := range registry.Render(c.Registry) {
				one := renderedFile{Name: f.Name, Path: f.Path, SHA256: f.Hash().String(), Content: string(f.Content)}
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
			lipgloss.Fprintln(a.Err, faint.Render("settings: "+from)) // the files alone do not tell of a --config that leads nowhere
			return printRendered(a.Out, r)
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

func printRendered(out io.Writer, r registryRendered) error {
	p := &printer{out: out}
	for _, f := range r.Files {
		if f.Written != "" {
			p.line("%s  %s", strings.TrimPrefix(f.SHA256, "sha256:"), f.Written) // as sha256sum(1) has it
			continue
		}
		p.line("%s", good.Render(fmt.Sprintf("== %s", f.Path)))
		p.line("%s", faint.Render("== "+f.SHA256))
		p.line("%s", f.Content)
	}
	return p.err
}
