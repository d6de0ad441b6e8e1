package registry

import (
	"bytes"
	"embed"
	"path"
	"text/template"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// The files are text with six holes. What may stand in a hole has a form that
// means nothing to YAML, Compose or systemd: [Settings.Validate].
//
//go:embed templates
var templates embed.FS

// File is any of the three files, as declared.
type File struct {
	Name    FileName
	Path    string
	Content []byte
}

// Hash returns the SHA-256 of the content.
func (f File) Hash() artifact.Digest { return artifact.DigestOf(f.Content) }

// Files are the three files in the order of [FileNames].
type Files []File

// Hashes returns the hash of each.
func (fs Files) Hashes() Hashes {
	h := Hashes{}
	for _, f := range fs {
		h[f.Name] = f.Hash()
	}
	return h
}

// Render returns the files of settings that are valid. It depends on nothing
// else: the same settings give the same bytes on any machine.
func Render(s Settings) Files {
	var files Files
	for _, name := range FileNames() {
		files = append(files, s.render(name, true))
	}
	return files
}

// earlier returns the unit of the versions before its sandbox. A registry runs as well with
// it: an installation replaces it, and no check fails.
func (s Settings) earlier() File { return s.render(UnitFile, false) }

func (s Settings) render(name FileName, sandbox bool) File {
	hole := struct {
		Settings
		Project, Container string
		Sandbox            bool
	}{s, Project, Container, sandbox}
	source := map[FileName]string{ConfigFile: "config.yml", ComposeFile: "compose.yml", UnitFile: "unit.service"}[name]
	var b bytes.Buffer
	t := template.Must(template.ParseFS(templates, "templates/"+source))
	if err := t.Execute(&b, hole); err != nil {
		panic(err) // a hole that is not there: the tests fill each
	}
	return File{name, s.PathOf(name), b.Bytes()}
}

// PathOf returns where a file is on the host.
func (s Settings) PathOf(name FileName) string {
	switch name {
	case ConfigFile:
		return path.Join(s.Directory, "config.yml")
	case ComposeFile:
		return path.Join(s.Directory, "compose.yml")
	default:
		return path.Join(UnitFolder, Unit)
	}
}
