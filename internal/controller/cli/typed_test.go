package cli

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
)

// taken reports why the command line does not take a line, without doing it.
func taken(words []string) error {
	root := root(command.New(nil, Streams{}, "test", nil))
	var harmless func(cmd *cobra.Command)
	harmless = func(cmd *cobra.Command) {
		if !cmd.HasSubCommands() || cmd.Name() == "history" {
			cmd.RunE = func(*cobra.Command, []string) error { return nil }
		}
		for _, one := range cmd.Commands() {
			harmless(one)
		}
	}
	harmless(root)
	root.SetArgs(words[1:])
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	return root.Execute()
}

// split returns the words that a shell makes of each line.
func split(t *testing.T, lines ...string) (words [][]string) {
	t.Helper()
	script := "words() { printf '%s\\0' \"$@\"; printf '\\n\\0'; }\n"
	for _, line := range lines {
		script += "words " + line + "\n"
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-e")
	cmd.Stdin, cmd.Stderr = strings.NewReader(script), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, script)
	}
	for one := range strings.SplitSeq(strings.TrimSuffix(string(out), "\n\x00"), "\n\x00") {
		words = append(words, strings.Split(strings.TrimSuffix(one, "\x00"), "\x00"))
	}
	if len(words) != len(lines) {
		t.Fatalf("%d lines are %d for a shell: %s", len(lines), len(words), script)
	}
	return words
}

// typedIn returns the lines of this program in a text: all of it, a line of it, or
// what stands in it between backquotes.
func typedIn(text string) (lines []string) {
	begins := regexp.MustCompile("(^|\n *(?:\\$ )?|`|: )(unidesk-controller [^`\n]*)(`?)")
	for _, m := range begins.FindAllStringSubmatch(text, -1) {
		if (m[1] == "`") == (m[3] == "`") && !strings.Contains(m[2], "──") && !strings.HasPrefix(m[2], "unidesk-controller brings ") {
			lines = append(lines, m[2])
		}
	}
	return lines
}

// written returns the text of an expression: what is not known before is a word.
func written(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			text := must(strconv.Unquote(e.Value))
			return regexp.MustCompile(`%(\[\d\])?[sdqvx]`).ReplaceAllString(text, "x")
		}
	case *ast.BinaryExpr:
		return written(e.X) + written(e.Y)
	case *ast.CallExpr:
		var words []string
		for _, arg := range e.Args {
			words = append(words, written(arg))
		}
		switch name := called(e); {
		case e.Ellipsis.IsValid(): // TestTheNextCommandIsTaken
		case name == "Ours":
			return strings.Join(append([]string{"unidesk-controller"}, words...), " ")
		case name == "Command" && words[0] == "unidesk-controller":
			return strings.Join(words, " ")
		}
	}
	return "x"
}

func called(e *ast.CallExpr) string {
	switch f := e.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// linesOfTheCode returns the lines that the code can print of those that linesIn finds
// in a text, with the place of each.
func linesOfTheCode(t *testing.T, linesIn func(text string) []string) map[string]string {
	t.Helper()
	lines := map[string]string{}
	files := token.NewFileSet()
	add := func(e ast.Expr) bool {
		text := written(e)
		for _, line := range linesIn(text) {
			lines[line] = files.Position(e.Pos()).String()
		}
		return text == "x"
	}
	for _, top := range []string{"../../../internal", "../../../cmd"} {
		err := filepath.WalkDir(top, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/gen/") {
				return err
			}
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err == nil {
				ast.Inspect(file, func(n ast.Node) bool {
					switch e := n.(type) {
					case *ast.CallExpr:
						return add(e)
					case *ast.BinaryExpr:
						return add(e)
					case *ast.BasicLit:
						return add(e)
					}
					return true
				})
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return lines
}

// A person types what is printed, and what the documents show.
func TestEachLineToTypeIsTaken(t *testing.T) {
	t.Parallel()
	lines := linesOfTheCode(t, typedIn)
	if len(lines) < 30 {
		t.Fatalf("only %d lines are found in the code", len(lines))
	}
	for _, action := range fault.Actions() {
		lines[strings.TrimPrefix(remedy.Line(action), "sudo ")] = string(action)
	}
	pages, err := filepath.Glob("../../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../../../README.md", "../../../CONTRIBUTING.md") {
		for _, line := range typedIn(string(must(os.ReadFile(page)))) {
			line, _, _ = strings.Cut(line, "  #")
			line, _, _ = strings.Cut(line, " | ")
			line, _, _ = strings.Cut(line, " > ")
			lines[strings.NewReplacer("…", "", "...", "").Replace(line)] = page
		}
	}
	var all []string
	for line := range lines {
		all = append(all, strings.NewReplacer("--env x", "--env prod", "--env E", "--env prod").Replace(line))
	}
	for i, words := range split(t, all...) {
		if err := taken(words); err != nil {
			t.Errorf("%s: %q: %v", lines[all[i]], all[i], err)
		}
	}
}

func TestEachLineToTypeNamesTheFolderThatWasGiven(t *testing.T) {
	t.Parallel()
	for _, cmd := range root(command.New(nil, Streams{}, "test", nil)).Commands() {
		if cmd.IsAdditionalHelpTopicCommand() {
			continue
		}
		if got, want := remedy.Typed("`unidesk-controller "+cmd.Name()+"`", "a $b", nil), "`unidesk-controller --config 'a $b' "+cmd.Name()+"`"; got != want {
			t.Errorf("%s: got %s", cmd.Name(), got)
		}
	}
	dir := filepath.Join(t.TempDir(), `it's "b\c"`)
	count := 0
	for _, form := range []string{"text", "json"} {
		for _, line := range []string{"verify --service frontend", "services no-such-service", "recover", "no-such-command", "verify --lines 3"} {
			var out, complaints strings.Builder
			args := append(strings.Fields(line), "--config", dir, "-o", form)
			Run(t.Context(), args, Streams{Out: &out, Err: &complaints}, "test", nil)
			said := out.String() + complaints.String()
			if form == "json" {
				var r contract.Result
				if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
					t.Fatalf("%s: %v", out.String(), err)
				}
				said = r.Failure.Next.String() + "\n" + r.Failure.Hint + "\n" + r.Failure.Message
			}
			for _, typed := range typedIn(said) {
				words := split(t, strings.ReplaceAll(typed, "|", ""))[0]
				if len(words) < 4 || words[1] != "--config" || words[2] != dir {
					t.Errorf("%s in %s: %q does not name %s", line, form, typed, dir)
				}
				count++
			}
		}
	}
}

// nextCommands are the commands that an answer can name next, for each row of the
// catalog, environment, entry and reason.
func nextCommands(t *testing.T) (list []contract.Command) {
	t.Helper()
	services := must(catalog.Builtin())
	reasons := regexp.MustCompile(`= "([A-Z_]+)"`).FindAllStringSubmatch(string(must(os.ReadFile("../../fault/fault.go"))), -1)
	commit, digest := strings.Repeat("a", 40), "sha256:"+strings.Repeat("b", 64)
	for _, row := range site.RowsIn(services) {
		for _, env := range artifact.Envs() {
			for _, entry := range []contract.Entry{contract.ByDeployService, contract.ByDeployApply} {
				c := must(contract.NewContract(services, contract.Request{Service: row.Service.String(), Env: env, Commit: commit, Digest: digest, Entry: entry}))
				list = append(list, c.Gate.Next, c.ToSign(), c.Meant(contract.LiveCommand(row, env, commit)), c.Rollback, contract.VerifyCommand(row.Service.String(), env))
				for _, reason := range reasons {
					for _, retry := range []bool{false, true} {
						f := fault.New(fault.Reason(reason[1]), "x")
						f.Retry = retry
						for _, decision := range []contract.Decision{contract.DecidedFailed, contract.DecidedReverted, contract.DecidedGated, contract.DecidedInterrupted} {
							r := contract.Result{Contract: &c, Receipt: &ledger.Receipt{ID: "20260101T000000Z-1"}}
							r.Fail(decision, "", f)
							for _, acts := range []bool{false, true} {
								list = append(list, contract.After(r, row, env, acts))
							}
						}
						list = append(list, contract.Refused(f).Failure.Next)
					}
				}
			}
		}
	}
	return append(list, contract.Deprecated("").Failure.Next, contract.Deprecated(commit).Failure.Next)
}

func TestTheNextCommandIsTaken(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	var lines []string
	for _, command := range nextCommands(t) {
		line := command.String()
		if seen[line] || command.IsZero() {
			continue
		}
		seen[line] = true
		lines = append(lines, command.With(contract.PreviousCommit, "x").With(contract.AnyCommit, "x").String())
	}
	if len(lines) < 50 {
		t.Errorf("only %d commands", len(lines))
	}
	for i, words := range split(t, lines...) {
		if err := taken(words); err != nil {
			t.Errorf("%s: %v", lines[i], err)
		}
	}
}

// A line for a host's own programs ends where the text does, or stands between backquotes:
// prose behind it would be typed, too.
func TestALineForAHostEndsWhereItsTextDoes(t *testing.T) {
	t.Parallel()
	const programs = `(?:docker|systemctl|journalctl|chown|chmod|chgrp|ssh-keygen|kubectl|apt-get) (?:-[A-Za-z]+ )*[a-z-]+`
	begins := regexp.MustCompile("(?:^|: |\n)(" + programs + "[^`\n]*)")
	// Not the sentence that docker itself lacks something.
	prose := regexp.MustCompile(`, (?:or|and) |; (?:` + programs + `)?| shows | \(`)
	found := 0
	eachLiteral(t, func(place, text string) {
		for _, m := range begins.FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(m[1], "docker has no ") {
				continue
			}
			found++
			for _, behind := range prose.FindAllString(m[1], -1) {
				if !regexp.MustCompile(programs).MatchString(behind) {
					t.Errorf("%s: %q has prose behind the line", place, m[1])
				}
			}
		}
	})
	if found < 20 {
		t.Errorf("only %d lines are found", found)
	}
}

// A person who types what only root may do is refused by the host, and does not learn why.
func TestALineThatOnlyRootMayTypeSaysSo(t *testing.T) {
	t.Parallel()
	roots := regexp.MustCompile(`\b(systemctl (--now )?(start|stop|restart|reload|enable|disable|mask|unmask|edit|daemon-reload)|usermod|mount -o|apt-get install)\b`)
	found := 0
	lines := linesOfTheCode(t, func(text string) []string {
		at := roots.FindStringIndex(text)
		if at == nil {
			return nil
		}
		found++
		if before := text[:at[0]]; strings.Contains(before, "as root") || strings.HasSuffix(before, "sudo ") {
			return nil
		}
		return []string{text}
	})
	for line, place := range lines {
		// What an installation of the registry does itself.
		if !strings.Contains(place, "internal/registry/steps.go:") {
			t.Errorf("%s: %q does not say that root types it", place, line)
		}
	}
	if found < 30 {
		t.Errorf("only %d lines are found", found)
	}
}

// eachLiteral gives each string that stands in the code.
func eachLiteral(t *testing.T, each func(place, text string)) {
	t.Helper()
	files := token.NewFileSet()
	err := filepath.WalkDir("../../../internal", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err == nil {
			ast.Inspect(file, func(n ast.Node) bool {
				if e, ok := n.(*ast.BasicLit); ok && e.Kind == token.STRING {
					each(files.Position(e.Pos()).String(), must(strconv.Unquote(e.Value)))
				}
				return true
			})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
