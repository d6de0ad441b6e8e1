package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// faults gathers what is wrong with a file, each with the line where a person
// will look for it.
type faults struct {
	root  *yaml.Node
	found []lined
}

type lined struct {
	line int
	text string
}

// place is a part of the file, by its keys.
type place struct {
	*faults
	path []string
}

func (f *faults) at(keys ...string) place { return place{f, keys} }

func (p place) in(keys ...string) place {
	return place{p.faults, append(slices.Clone(p.path), keys...)}
}

// check notes a fault of this place unless ok.
func (p place) check(ok bool, format string, args ...any) {
	if ok {
		return
	}
	p.found = append(p.found, lined{lineOf(p.root, p.path), strings.Join(p.path, ".") + ": " + fmt.Sprintf(format, args...)})
}

// lineOf is the line of a key, or of the deepest part of its path that the file has.
func lineOf(node *yaml.Node, path []string) int {
	if node.Kind == yaml.DocumentNode && len(node.Content) > 0 {
		node = node.Content[0]
	}
	line := node.Line
	for _, key := range path {
		found := false
		for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == key {
				line, node, found = node.Content[i].Line, node.Content[i+1], true
				break
			}
		}
		if !found {
			break
		}
	}
	return line
}

// Explain describes what is wrong with a YAML file of any kind, with the words and
// lines of a catalog's faults.
func Explain(err error) error {
	var f faults
	f.decoded(err)
	return errors.Join(f.lines()...)
}

// decoded notes what the decoder found: unknown and double keys, wrong types.
// It returns false when the file is not even YAML.
func (f *faults) decoded(err error) bool {
	if err == nil {
		return true
	}
	var all *yaml.LoadErrors
	if !errors.As(err, &all) {
		one := (*yaml.LoadError)(nil)
		if errors.As(err, &one) {
			f.found = append(f.found, lined{one.Mark.Line, one.Message})
		} else {
			f.found = append(f.found, lined{0, err.Error()})
		}
		return false
	}
	for _, e := range all.Errors {
		text := e.Message
		if key, _, unknown := strings.Cut(text, " not found in type "); unknown {
			text = fmt.Sprintf("unknown key %q", strings.TrimPrefix(key, "field "))
		}
		f.found = append(f.found, lined{e.Mark.Line, text})
	}
	return true
}

// lines are all faults, in the order of their lines.
func (f *faults) lines() (errs []error) {
	slices.SortFunc(f.found, func(a, b lined) int {
		return cmp.Or(cmp.Compare(a.line, b.line), strings.Compare(a.text, b.text))
	})
	for _, l := range slices.Compact(f.found) { // what two environments share is reported once
		errs = append(errs, fmt.Errorf("line %d: %s", l.line, l.text))
	}
	return errs
}

// err joins all faults.
func (f *faults) err() error {
	errs := f.lines()
	if len(errs) == 0 {
		return nil
	}
	what := "catalog, one fault:"
	if len(errs) > 1 {
		what = fmt.Sprintf("catalog, %d faults:", len(errs))
	}
	return fault.New(fault.ConfigInvalid, "%s\n%w", what, errors.Join(errs...))
}
