//go:build integration

package cli

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

var (
	// foreignForm begins a line for another program: at the start of a text or of a line,
	// after punctuation, or between backquotes.
	foreignForm = regexp.MustCompile("(?m)(?:^ *|[:;,] |\\(|&& |`)((docker|systemctl|journalctl|kubectl|k3s|ssh-keygen|apt-get|df|ls|chown|chmod|chgrp) [^`;,()\n]*)")
	// proseForm is what follows a program's name in a sentence.
	proseForm = regexp.MustCompile(`^(docker( compose)?|k3s) (command|has|healthcheck|addon|since|names|and|compose(:|$)|did|ended|was|recreates|config did)\b`)
	// restForm is where the sentence goes on behind a line.
	restForm = regexp.MustCompile(` (says|shows?|lists|removes|prints|tells|gives|goes|is|on it|with what|after|does) .*| *[&>|].*|[.:]$`)
	flagForm = regexp.MustCompile(`(^| )(--?[a-zA-Z0-9][a-z-]*)`)
)

// foreignIn returns the lines in a text that are typed for another program.
func foreignIn(text string) (lines []string) {
	for _, m := range foreignForm.FindAllStringSubmatch(text, -1) {
		if line := strings.TrimSpace(restForm.ReplaceAllString(m[1], "")); !proseForm.MatchString(m[1]) && strings.Contains(line, " ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// A person types the lines for other programs, too. Each program's own help must know
// the command and the flags.
func TestEachLineForAnotherProgramIsTaken(t *testing.T) {
	t.Parallel()
	tools := must(lab.ToolsDir())
	lines := linesOfTheCode(t, foreignIn)
	if len(lines) < 60 {
		t.Fatalf("only %d lines are found in the code", len(lines))
	}
	var all []string
	for line := range lines {
		all = append(all, line)
	}
	helps := map[string]string{}
	for i, words := range split(t, all...) {
		ask := asked(words, tools)
		if ask == nil {
			t.Errorf("%s: %q is a line of an unknown program", lines[all[i]], all[i])
			continue
		}
		key := strings.Join(ask, " ")
		if _, ok := helps[key]; !ok {
			out, err := exec.CommandContext(t.Context(), ask[0], ask[1:]...).CombinedOutput()
			if err != nil && words[0] != "ssh-keygen" { // it has no --help, and prints its usage all the same
				t.Errorf("%s: %q: %v: %s", lines[all[i]], all[i], err, out)
			}
			helps[key] = string(out)
		}
		command := append([]string{filepath.Base(ask[0])}, ask[1:len(ask)-1]...)
		if usage := strings.Replace(strings.Join(command, " "), "docker-compose", "docker compose", 1); len(command) > 1 && !strings.Contains(helps[key], usage+" ") {
			t.Errorf("%s: %q: there is no %s", lines[all[i]], all[i], usage)
		}
		if why := unknown(words, helps[key]); why != "" {
			t.Errorf("%s: %q: %s", lines[all[i]], all[i], why)
		}
	}
}

// asked is the command that prints the help which covers a line.
func asked(words []string, tools string) []string {
	var subs []string // commands, in front of the first name or flag
	for _, w := range words[1:] {
		if !regexp.MustCompile(`^[a-z][a-z-]+$`).MatchString(w) {
			break
		}
		subs = append(subs, w)
	}
	sub := func(n int) []string { return subs[:min(n, len(subs))] }
	switch words[0] {
	case "docker":
		if len(subs) > 0 && subs[0] == "compose" {
			return append(append([]string{filepath.Join(tools, "docker-compose")}, sub(2)[1:]...), "--help")
		}
		two := len(subs) > 0 && (subs[0] == "image" || subs[0] == "system")
		return append(append([]string{"docker"}, sub(map[bool]int{false: 1, true: 2}[two])...), "--help")
	case "kubectl":
		subs = slices.DeleteFunc(words[1:], func(w string) bool { return w == "-n" || w == "x" || strings.HasPrefix(w, "x") })
		two := len(subs) > 1 && (subs[0] == "rollout" || subs[0] == "create")
		return append(append([]string{filepath.Join(tools, "kubernetes", "kubectl")}, sub(map[bool]int{false: 1, true: 2}[two])...), "--help")
	case "k3s":
		if len(subs) > 1 && subs[0] == "crictl" {
			return []string{filepath.Join(tools, "kubernetes", "crictl"), subs[1], "--help"}
		}
	case "ssh-keygen":
		return []string{"ssh-keygen", "--help"}
	case "systemctl", "journalctl", "apt-get", "df", "ls", "chown", "chmod", "chgrp":
		return []string{words[0], "--help"}
	}
	return nil
}

// unknown returns what of a line its program's help does not name.
func unknown(words []string, help string) string {
	switch {
	case words[0] == "systemctl" || words[0] == "apt-get":
		if !regexp.MustCompile(`(?m)^ +` + regexp.QuoteMeta(words[1]) + `\b`).MatchString(help) {
			return "there is no command " + words[1]
		}
	case words[0] == "chmod" && !regexp.MustCompile(`^([0-7]{3,4}|[ugoa]*[-+=][rwxXst]+)$`).MatchString(words[1]):
		return words[1] + " is no mode"
	case words[0] == "chmod":
		return ""
	}
	for _, m := range flagForm.FindAllStringSubmatch(strings.Join(words[1:], " "), -1) {
		flag := m[2]
		if len(flag) > 2 && flag[1] != '-' { // letters of which each is a flag
			if strings.ContainsFunc(flag[1:], func(r rune) bool {
				return !strings.Contains(help, "-"+string(r)+",") && !strings.Contains(help, " -"+string(r)+" ")
			}) {
				return "its help does not know " + flag
			}
			continue
		}
		if words[0] == "kubectl" && flag == "-n" || words[0] == "docker" && flag == "-p" {
			continue // a flag of the program itself
		}
		if !regexp.MustCompile(`(^|[\s,\[|])` + regexp.QuoteMeta(flag) + `($|[\s,=\[\]|])`).MatchString(help) {
			return "its help does not know " + flag
		}
	}
	return ""
}
