package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// limit is how often words may occur together, in 1,000 words.
type limit struct {
	words       []string
	perThousand float64
}

func (l limit) String() string { return strings.Join(l.words, ", ") }

// ours are the limits of this repository.
func ours() []limit {
	return []limit{
		{words: []string{"tell", "tells", "told", "say", "says", "said"}, perThousand: 1.0},
		{words: []string{"one"}, perThousand: 2.5},
		{words: []string{"where"}, perThousand: 1.5},
	}
}

// prose is what the comments and string literals of a folder hold.
type prose struct {
	files, words int
	lines        []line
	counts       map[string]int
}

// line is a line of a comment or of a string literal.
type line struct {
	place
	words []string // in lower case
}

type place struct {
	file string // below the root
	line int    // from 1
	text string
}

// word is a whole word, not a part of an identifier.
var word = regexp.MustCompile(`[\pL\pN_]+`)

// rate returns how often the words of a limit occur in 1,000 words.
func (p prose) rate(l limit) float64 {
	n := 0
	for _, w := range l.words {
		n += p.counts[w]
	}
	return 1000 * float64(n) / float64(max(p.words, 1))
}

// places returns the lines that hold a word of a limit.
func (p prose) places(limits []limit) (found []place) {
	for _, l := range p.lines {
		if slices.ContainsFunc(limits, func(limit limit) bool {
			return slices.ContainsFunc(l.words, func(w string) bool { return slices.Contains(limit.words, w) })
		}) {
			found = append(found, l.place)
		}
	}
	return found
}

// read reads the Go files below root. It skips generated files, testdata, and folders
// whose name begins with a dot.
func read(root string) (prose, error) {
	p := prose{counts: map[string]int{}}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return p.add(filepath.ToSlash(name), text)
	})
	if err == nil && p.words == 0 {
		err = fmt.Errorf("no Go file below %s has a word", root)
	}
	return p, err
}

// add counts the words of a file. Import paths do not count: they are no prose.
func (p *prose) add(name string, text []byte) error {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, name, text, parser.ImportsOnly|parser.ParseComments)
	if err != nil || ast.IsGenerated(parsed) {
		return err
	}
	p.files++
	imported := map[token.Position]bool{}
	for _, spec := range parsed.Imports {
		imported[fset.Position(spec.Path.Pos())] = true
	}
	file := fset.AddFile(name, -1, len(text))
	var faults scanner.ErrorList
	var s scanner.Scanner
	s.Init(file, text, faults.Add, scanner.ScanComments)
	for {
		pos, kind, literal := s.Scan()
		at := file.Position(pos)
		switch {
		case kind == token.EOF:
			return faults.Err()
		case kind == token.STRING && imported[at]:
		case kind == token.COMMENT || kind == token.STRING && literal[0] == '`':
			for i, text := range strings.Split(literal, "\n") {
				p.addLine(place{file: name, line: at.Line + i, text: strings.TrimSpace(text)}, text)
			}
		case kind == token.STRING:
			value, err := strconv.Unquote(literal) // "\n" is no part of a word
			if err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
			p.addLine(place{file: name, line: at.Line, text: literal}, value)
		}
	}
}

func (p *prose) addLine(at place, text string) {
	words := word.FindAllString(strings.ToLower(text), -1)
	p.lines = append(p.lines, line{at, words})
	p.words += len(words)
	for _, w := range words {
		p.counts[w]++
	}
}
