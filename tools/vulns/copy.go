package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A copy has the layout that `govulncheck -db file://` reads
// (https://go.dev/doc/security/vuln/database#api), and two files of our own.
const (
	dateFile     = "index/db.json"
	modulesFile  = "index/modules.json"
	vulnsFile    = "index/vulns.json"
	advisoryPath = "ID"
	coversFile   = "covers.txt" // the modules that were looked for, a line each
	readmeFile   = "README.md"
)

// theGoDistribution returns the database's names of what is no module.
func theGoDistribution() []string { return []string{"stdlib", "toolchain"} }

// modulesOf returns the modules that a go.sum names, and the parts of Go itself.
func modulesOf(name string) ([]string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	modules := theGoDistribution()
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 {
			modules = append(modules, fields[0])
		}
	}
	slices.Sort(modules)
	return slices.Compact(modules), nil
}

// copied describes a copy of the advisories.
type copied struct {
	date       time.Time
	covers     []string
	ofGo       []string // the advisories of Go's own library
	advisories int
}

// readCopy reads the copy's description. A copy that lacks a part is an error.
func readCopy(dir string) (copied, error) {
	var c copied
	var date struct{ Modified time.Time }
	var vulns []struct{ ID string }
	var modules []struct {
		Path  string
		Vulns []struct{ ID string }
	}
	if err := errors.Join(readJSON(filepath.Join(dir, dateFile), &date), readJSON(filepath.Join(dir, vulnsFile), &vulns), readJSON(filepath.Join(dir, modulesFile), &modules)); err != nil {
		return c, err
	}
	for _, v := range vulns {
		if _, err := os.Stat(filepath.Join(dir, advisoryPath, v.ID+".json")); err != nil {
			return c, fmt.Errorf("%w; run `make vulns-refresh`", err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, coversFile))
	if err != nil {
		return c, err
	}
	c = copied{date: date.Modified, covers: strings.Fields(string(text)), advisories: len(vulns)}
	for _, m := range modules {
		for _, v := range m.Vulns {
			if slices.Contains(theGoDistribution(), m.Path) {
				c.ofGo = append(c.ofGo, v.ID)
			}
		}
	}
	return c, nil
}

// lacks returns the modules that the copy does not cover.
func (c copied) lacks(modules []string) []string {
	return slices.DeleteFunc(slices.Clone(modules), func(m string) bool { return slices.Contains(c.covers, m) })
}

// refresh makes the copy anew from the newest version of golang.org/x/vulndb, the module
// that vuln.go.dev is made from. Any proxy of Go modules has it.
func refresh(ctx context.Context, dir string, modules []string) error {
	const source = "golang.org/x/vulndb"
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", source+"@latest")
	cmd.Dir = os.TempDir()
	answer, err := cmd.Output()
	var m struct{ Version, Info, Dir, Error string }
	if bad := json.Unmarshal(answer, &m); bad != nil || err != nil || m.Error != "" {
		return fmt.Errorf("go mod download %s: %w %s", source, errors.Join(err, bad), m.Error)
	}
	var info struct{ Time time.Time }
	if err := readJSON(m.Info, &info); err != nil {
		return err
	}
	return writeCopy(dir, filepath.Join(m.Dir, "data", "osv"), m.Version, info.Time, modules)
}

// index is a part of a line of the index of modules.
type index struct {
	ID       string    `json:"id"`
	Modified time.Time `json:"modified"`
	Fixed    string    `json:"fixed,omitempty"`
}

// writeCopy replaces dir by a copy of the advisories in osv that touch modules.
func writeCopy(dir, osv, version string, date time.Time, modules []string) error {
	names, err := filepath.Glob(filepath.Join(osv, "GO-*.json"))
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("no advisory is in %s: its layout has changed", osv)
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	byModule, vulns := map[string][]index{}, []map[string]any{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		var a struct {
			ID        string
			Modified  time.Time
			Withdrawn *time.Time
			Aliases   []string
			Affected  []struct {
				Package struct{ Name string }
				Ranges  []struct{ Events []struct{ Fixed string } }
			}
		}
		if err := json.Unmarshal(text, &a); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if a.Withdrawn != nil {
			continue
		}
		touches := false
		for _, affected := range a.Affected {
			m := affected.Package.Name
			if !slices.Contains(modules, m) {
				continue
			}
			touches = true
			line := index{ID: a.ID, Modified: a.Modified}
			for _, r := range affected.Ranges {
				if n := len(r.Events); n > 0 { // they are sorted: by the last, the newest version is mended or not
					line.Fixed = r.Events[n-1].Fixed
				}
			}
			if !slices.ContainsFunc(byModule[m], func(known index) bool { return known.ID == a.ID }) {
				byModule[m] = append(byModule[m], line)
			}
		}
		if !touches {
			continue
		}
		vulns = append(vulns, map[string]any{"id": a.ID, "modified": a.Modified, "aliases": a.Aliases})
		var short bytes.Buffer
		if err := json.Compact(&short, text); err != nil {
			return err
		}
		if err := put(filepath.Join(dir, advisoryPath, a.ID+".json"), short.String()); err != nil {
			return err
		}
	}
	listed := []map[string]any{}
	for _, m := range modules {
		if lines := byModule[m]; len(lines) > 0 {
			listed = append(listed, map[string]any{"path": m, "vulns": lines})
		}
	}
	return errors.Join(
		putJSON(filepath.Join(dir, vulnsFile), vulns),
		putJSON(filepath.Join(dir, modulesFile), listed),
		putJSON(filepath.Join(dir, dateFile), map[string]any{"modified": date}),
		put(filepath.Join(dir, coversFile), strings.Join(modules, "\n")),
		put(filepath.Join(dir, readmeFile), fmt.Sprintf("The advisories of the [Go vulnerability database](https://go.dev/security/vuln/database) for the modules in covers.txt,\n"+
			"from golang.org/x/vulndb %s, under [CC-BY-4.0](https://creativecommons.org/licenses/by/4.0/).\nOnly blanks are taken out. `make vulns-refresh` writes this folder.", version)),
	)
}

func readJSON(name string, into any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func putJSON(name string, value any) error {
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	return put(name, string(text))
}

func put(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text+"\n"), 0o644)
}
