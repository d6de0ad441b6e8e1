package registryanswer

import (
	"fmt"
	"io"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

// File is a rendered file, in the form of the output.
type File struct {
	Name registry.FileName `json:"name"`
	// Path is its path on the registry's host. Written is the path that this command wrote.
	Path    string `json:"path"`
	SHA256  string `json:"sha256"`
	Content string `json:"content"`
	Written string `json:"written,omitempty"`
}

// Rendering is what render answers. docs/output.md describes its JSON.
type Rendering struct {
	OK       bool              `json:"ok"`
	Source   string            `json:"source"`
	Settings registry.Settings `json:"settings"`
	Files    []File            `json:"files"`
}

// Render answers with the registry's files.
func Render(r Rendering) present.Answer {
	r.OK = true
	return present.Foreign(present.NewAnswer(present.ExitOK, r, printRendering))
}

func printRendering(out io.Writer, r Rendering) error {
	p := terminal.NewPrinter(out)
	for _, f := range r.Files {
		if f.Written != "" {
			p.Whole("%s  %s", strings.TrimPrefix(f.SHA256, "sha256:"), f.Written) // as sha256sum(1) has it
			continue
		}
		p.Whole("%s", terminal.Good().Render(fmt.Sprintf("== %s", f.Path)))
		p.Whole("%s", terminal.Faint().Render("== "+f.SHA256))
		p.Whole("%s", f.Content)
	}
	return p.Err
}
