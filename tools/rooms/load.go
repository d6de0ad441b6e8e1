package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// room is a package.
type room struct {
	name    string // its folder below the root
	imports []string
	files   []file // in alphabetical order
	arrows  []arrow
	order   []string // of the files, from the top, as the package comment declares it
}

// file is a hand-written file that is no test.
type file struct {
	name  string
	lines int
	// mentions are the types that it names, as "internal/contract.Contract".
	mentions map[string]bool
}

// arrow is the first use in a file of what another file of the room defines.
type arrow struct {
	from, to string
	what     string
	line     int
}

func (r room) lines() (n int) {
	for _, f := range r.files {
		n += f.lines
	}
	return n
}

// load reads the module's packages, without their tests.
func load(root, tags string) (rooms []room, err error) {
	root, err = filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	found, err := packages.Load(&packages.Config{
		Dir: root, BuildFlags: []string{"-tags=" + tags},
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedModule |
			packages.NeedTypes | packages.NeedTypesInfo | packages.NeedSyntax,
	}, "./...")
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, p := range found {
		for _, e := range p.Errors {
			faults = append(faults, e)
		}
		if len(p.Syntax) > 0 && p.Module != nil { // a package of tests only is no room
			r, err := newRoom(p)
			rooms, faults = append(rooms, r), append(faults, err)
		}
	}
	slices.SortFunc(rooms, func(a, b room) int { return strings.Compare(a.name, b.name) })
	return rooms, errors.Join(faults...)
}

func newRoom(p *packages.Package) (r room, err error) {
	module := p.Module.Path
	r.name = below(module, p.PkgPath)
	for path := range p.Imports {
		if name := below(module, path); name != path {
			r.imports = append(r.imports, name)
		}
	}
	slices.Sort(r.imports)
	u := uses{fset: p.Fset, info: p.TypesInfo, pkg: p.Types, module: module}
	for _, f := range p.Syntax {
		if ast.IsGenerated(f) {
			continue
		}
		path := p.Fset.Position(f.Package).Filename
		text, err := os.ReadFile(path)
		if err != nil {
			return r, err
		}
		arrows, mentions := u.of(f)
		r.arrows = append(r.arrows, arrows...)
		r.files = append(r.files, file{name: filepath.Base(path), lines: bytes.Count(text, []byte("\n")), mentions: mentions})
		if f.Doc != nil {
			if order := declaredOrder(f.Doc.Text()); order != nil {
				r.order = order
			}
		}
	}
	slices.SortFunc(r.files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return r, nil
}

// below is the path without the module's; another module's stays whole.
func below(module, path string) string {
	if path == module {
		return "."
	}
	if name, ok := strings.CutPrefix(path, module+"/"); ok {
		return name
	}
	return path
}

// uses finds what the files of a package use.
type uses struct {
	fset   *token.FileSet
	info   *types.Info
	pkg    *types.Package
	module string
}

// of returns the arrows that begin in f, the first of each, and the types that f names.
func (u uses) of(f *ast.File) (arrows []arrow, mentions map[string]bool) {
	mentions = make(map[string]bool)
	from := filepath.Base(u.fset.Position(f.Package).Filename)
	seen := map[string]bool{from: true}
	ast.Inspect(f, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		if def, ok := u.info.Defs[id].(*types.TypeName); ok {
			u.mention(mentions, def)
		}
		obj := u.info.Uses[id]
		if obj == nil || obj.Pkg() == nil {
			return true
		}
		if t, ok := obj.(*types.TypeName); ok {
			u.mention(mentions, t)
		}
		if obj.Pkg() != u.pkg || !u.outside(obj) {
			return true
		}
		to := filepath.Base(u.fset.Position(obj.Pos()).Filename)
		if !seen[to] {
			seen[to] = true
			arrows = append(arrows, arrow{from: from, to: to, what: obj.Name(), line: u.fset.Position(id.Pos()).Line})
		}
		return true
	})
	return arrows, mentions
}

func (u uses) mention(mentions map[string]bool, t *types.TypeName) {
	if t.Parent() == t.Pkg().Scope() {
		mentions[fmt.Sprintf("%s.%s", below(u.module, t.Pkg().Path()), t.Name())] = true
	}
}

// outside reports whether the object is defined outside of functions: a name of the
// package, a method, a field.
func (u uses) outside(obj types.Object) bool {
	switch o := obj.(type) {
	case *types.Var:
		return o.IsField() || o.Parent() == u.pkg.Scope()
	case *types.Func:
		return true
	}
	return obj.Parent() == u.pkg.Scope()
}
