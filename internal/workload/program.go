package workload

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// WorkFolder stands in [Programs] for the working folder of the image.
const WorkFolder = "."

// Programs returns the absolute paths that a command line takes its program from: the
// program itself; for an interpreter or a starter what it runs; the working folder if an
// argument may be relative to it. A program without a folder is looked for in the
// image's folders of programs. Arguments of any other program are its data, and no part
// of it. If no working folder is known, [WorkFolder] stands for it.
func Programs(argv []string, folder string) []string {
	if folder == "" {
		folder = WorkFolder
	}
	var p programs
	p.command(argv)
	if p.relative && folder != "/" {
		p.paths = append(p.paths, path.Clean(folder))
	}
	slices.Sort(p.paths)
	return slices.Compact(p.paths)
}

var (
	// starterForm is what runs the command after it, interpreterForm what runs a file or a
	// package, shellForm what runs lines too.
	starterForm     = regexp.MustCompile(`^(tini|dumb-init|catatonit|gosu|su-exec|setpriv|env|exec|nice|time|.*\.sh)$`)
	interpreterForm = regexp.MustCompile(`^(node|nodejs|bun|bunx|deno|npm|npx|pnpm|yarn|tsx|python[0-9.]*|uv|java|ruby|perl|php[0-9.]*|lua|dotnet|uvicorn|gunicorn|celery)$`)
	shellForm       = regexp.MustCompile(`^(ba|da|a|z)?sh$`)
	// scriptForm ends the name of a file that an interpreter runs.
	scriptForm = regexp.MustCompile(`\.(js|mjs|cjs|jsx|ts|mts|tsx|py|pyz|sh|jar|rb|pl|php|phar|lua|dll|wasm)$`)
	lineEnd    = regexp.MustCompile(`[;&|\n]+`)
)

type programs struct {
	paths    []string
	relative bool
}

// command reads a command line that begins with a program.
func (p *programs) command(argv []string) {
	if len(argv) == 0 {
		return
	}
	name, args := argv[0], argv[1:]
	switch {
	case strings.HasPrefix(name, "/"):
		p.add(name)
	case strings.Contains(name, "/"):
		p.relative = true
	default:
		p.paths = append(p.paths, "/usr/local/bin", "/usr/bin", "/bin")
	}
	switch base := path.Base(name); {
	case starterForm.MatchString(base):
		p.command(slices.Clone(args[firstPlain(args):]))
	case shellForm.MatchString(base):
		p.shell(args)
	case interpreterForm.MatchString(base):
		p.interpreted(args)
	}
}

// firstPlain is the index of the first word that is no option and no assignment.
func firstPlain(args []string) int {
	for i, word := range args {
		if !strings.HasPrefix(word, "-") && !strings.Contains(word, "=") {
			return i
		}
	}
	return len(args)
}

// shell reads what a shell is given: a file, or a line after -c.
func (p *programs) shell(args []string) {
	for i, word := range args {
		if !strings.HasPrefix(word, "-") {
			p.file(word)
			return
		}
		if strings.HasSuffix(word, "c") && !strings.HasPrefix(word, "--") && i+1 < len(args) {
			for _, line := range lineEnd.Split(args[i+1], -1) {
				words := strings.Fields(strings.NewReplacer(`"`, " ", "'", " ", "(", " ", ")", " ").Replace(line))
				if words = words[firstPlain(words):]; len(words) > 1 && words[0] == "cd" {
					p.file(words[1])
				} else {
					p.command(words)
				}
			}
			return
		}
	}
}

// interpreted reads an interpreter's arguments. Options and what may be their values
// are passed over, unless it is a script.
func (p *programs) interpreted(args []string) {
	for i, word := range args {
		switch {
		case strings.HasPrefix(word, "-"):
		case !strings.HasPrefix(word, "/"):
			p.relative = true
		case scriptForm.MatchString(word) || path.Ext(word) == "" && (i == 0 || !strings.HasPrefix(args[i-1], "-")):
			p.add(word)
		}
	}
}

func (p *programs) file(word string) {
	if strings.HasPrefix(word, "/") {
		p.add(word)
		return
	}
	p.relative = true
}

// add takes a path. A longer word that begins like a path is none, and may hold a secret.
func (p *programs) add(word string) {
	if pathForm.MatchString(word) {
		p.paths = append(p.paths, path.Clean(word))
	}
}
