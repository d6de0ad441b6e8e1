package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// seed is a fault. A file of seeds has a line for each:
//
//	# a comment
//	file internal/proof/streak.go
//	test ./internal/proof ./internal/deploy
//	two equal answers are enough :: Enough = 3 => Enough = 2
//
// "file" and "test" hold for the lines below them. The new text may be empty. \n
// and \t in a text stand for a line break and a tab, \\ for a backslash.
type seed struct {
	group    string // the name of the seeds' file
	name     string // what is wrong, in a sentence
	file     string // below the root
	packages []string
	old, new string
}

// readSeeds reads the files of a folder; with a group, only the file of this name.
func readSeeds(folder, group string) (all []seed, err error) {
	pattern := "*.txt"
	if group != "" {
		pattern = group + ".txt"
	}
	names, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no seeds in %s", filepath.Join(folder, pattern))
	}
	var faults []error
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		seeds, err := parseSeeds(strings.TrimSuffix(filepath.Base(name), ".txt"), string(text))
		all, faults = append(all, seeds...), append(faults, err)
	}
	return all, errors.Join(faults...)
}

func parseSeeds(group, text string) (seeds []seed, err error) {
	var faults []error
	var file string
	var packages []string
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		keyword, rest, _ := strings.Cut(line, " ")
		name, change, isSeed := strings.Cut(line, " :: ")
		from, to, hasArrow := strings.Cut(change, " =>")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case isSeed && hasArrow && from != "" && file != "" && len(packages) > 0:
			seeds = append(seeds, seed{
				group: group, name: name, file: file, packages: packages,
				old: unescape(from), new: unescape(strings.TrimPrefix(to, " ")),
			})
		case !isSeed && keyword == "file" && rest != "":
			file = rest
		case !isSeed && keyword == "test" && rest != "":
			packages = strings.Fields(rest)
		default:
			faults = append(faults, fmt.Errorf("%s.txt:%d: want `name :: old text => new text`, below a `file` line and a `test` line", group, number))
		}
	}
	return seeds, errors.Join(faults...)
}

func unescape(text string) string {
	return strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t").Replace(text)
}
