package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// module is the path of the product's module.
const module = "github.com/pikasTech/unidesk-artifact-cd"

// advisory is an advisory whose code is called.
type advisory struct {
	summary string
	in      string // the module with its version
	fixed   string // the version that is mended, or empty
	symbol  string // what is called
	entry   string // the function of the product that the call begins in
}

// frame is a step of a trace, the vulnerable symbol first.
type frame struct {
	Module, Version, Package, Function, Receiver string
}

func (f frame) String() string {
	name := f.Function
	if f.Receiver != "" {
		name = f.Receiver + "." + name
	}
	return f.Package + "." + name
}

// scan is what govulncheck found.
type scan struct {
	called map[string]advisory // by id
	goes   string              // the version of Go, such as go1.26.8
}

// parse reads what govulncheck prints with -format json. An answer that is not of both
// binaries, down to the symbols, is an error.
func parse(answer []byte) (scan, error) {
	found, summaries := map[string]advisory{}, map[string]string{}
	var level, mode, goes string
	var roots []string
	for d := json.NewDecoder(bytes.NewReader(answer)); ; {
		var m struct {
			Config *struct {
				Level string `json:"scan_level"`
				Mode  string `json:"scan_mode"`
				Go    string `json:"go_version"`
			}
			SBOM *struct{ Roots []string }
			OSV  *struct{ ID, Summary string }

			Finding *struct {
				OSV   string
				Fixed string `json:"fixed_version"`
				Trace []frame
			}
		}
		err := d.Decode(&m)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return scan{}, fmt.Errorf("govulncheck's answer is not the JSON that this program reads: %w", err)
		}
		switch {
		case m.Config != nil:
			level, mode, goes = m.Config.Level, m.Config.Mode, m.Config.Go
		case m.SBOM != nil:
			roots = append(roots, m.SBOM.Roots...)
		case m.OSV != nil:
			summaries[m.OSV.ID] = m.OSV.Summary
		case m.Finding != nil:
			f := m.Finding
			if len(f.Trace) == 0 {
				return scan{}, fmt.Errorf("govulncheck's finding of %s has no trace", f.OSV)
			}
			called := f.Trace[0]
			if _, known := found[f.OSV]; known || called.Function == "" {
				continue // a single trace is enough; without a function the package is imported, or the module required, and not called
			}
			found[f.OSV] = advisory{in: called.Module + " " + called.Version, fixed: f.Fixed, symbol: called.String(), entry: f.Trace[len(f.Trace)-1].String()}
		}
	}
	if level != "symbol" || mode != "source" {
		return scan{}, fmt.Errorf("govulncheck looked at level %q in mode %q, want symbol and source", level, mode)
	}
	for _, binary := range []string{module + "/cmd/agent", module + "/cmd/controller"} {
		if !slices.Contains(roots, binary) {
			return scan{}, fmt.Errorf("govulncheck did not look at %s", binary)
		}
	}
	for id, a := range found {
		a.summary = summaries[id]
		found[id] = a
	}
	return scan{found, goes}, nil
}

var exceptionLine = regexp.MustCompile(`^(GO-\d{4}-\d{4,}) +(\S.{19,})$`)

// readExceptions returns the reason of each advisory that may be called.
func readExceptions(name string) (map[string]string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	allowed := map[string]string{}
	for i, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := exceptionLine.FindStringSubmatch(line)
		if parts == nil {
			return nil, fmt.Errorf("%s:%d: want an id and a reason of 20 characters at least, such as `GO-2026-4883 only the daemon runs this code`, got %q", name, i+1, line)
		}
		if _, twice := allowed[parts[1]]; twice {
			return nil, fmt.Errorf("%s:%d: %s has two lines", name, i+1, parts[1])
		}
		allowed[parts[1]] = parts[2]
	}
	return allowed, nil
}

// judge prints each called advisory that has an exception, and returns the broken rules.
// An exception of an advisory that is not called is stale, unless it is needed with the
// oldest Go that builds the product, and a newer Go ran the scan.
func judge(s scan, allowed map[string]string, oldest string, ofGo []string, out io.Writer) []string {
	var broken []string
	for _, id := range slices.Sorted(maps.Keys(s.called)) {
		a := s.called[id]
		if reason, ok := allowed[id]; ok {
			fmt.Fprintf(out, "excepted: %s of %s: %s\n", id, a.in, reason)
			continue
		}
		next := "no version mends it: take out the call, or write why it is harmless into tools/vulns/exceptions.txt"
		if a.fixed != "" {
			next = "update it to " + a.fixed + ", or write why it is harmless into tools/vulns/exceptions.txt"
		}
		broken = append(broken, fmt.Sprintf("%s (%s) is in %s: %s calls %s; %s", id, a.summary, a.in, a.entry, a.symbol, next))
	}
	for _, id := range slices.Sorted(maps.Keys(allowed)) {
		if _, called := s.called[id]; !called && (s.goes == oldest || !slices.Contains(ofGo, id)) {
			broken = append(broken, fmt.Sprintf("%s has an exception and is not called: take its line out of tools/vulns/exceptions.txt", id))
		}
	}
	return broken
}
