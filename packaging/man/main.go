// Command man writes the manual pages of both programs, made from their commands and from the
// pages of docs about their configuration. It is no part of a program: the libraries that make
// manual pages are linked here only. The same commit gives the same bytes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	agent "github.com/pikasTech/unidesk-artifact-cd/internal/agent/cli"
	controller "github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli"
	"github.com/pikasTech/unidesk-artifact-cd/internal/manual"
)

func main() {
	seconds := flag.Int64("date", 0, "the date of the pages, in seconds since 1970")
	version := flag.String("version", "devel", "the version that the pages name")
	docs := flag.String("docs", "docs", "the folder of the pages about configuration")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "man: name the folder to write to: man [flags] FOLDER")
		os.Exit(2)
	}
	w := writer{folder: flag.Arg(0), docs: *docs, version: *version, date: time.Unix(*seconds, 0).UTC()}
	if err := w.all(); err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

// writer writes pages of a version into a folder.
type writer struct {
	folder, docs, version string
	date                  time.Time
}

func (w writer) all() error {
	if err := os.MkdirAll(w.folder, 0o755); err != nil {
		return err
	}
	return errors.Join(
		w.commands(agent.Command(strings.NewReader(""), io.Discard, io.Discard)),
		w.commands(controller.Command()),
		w.configuration(),
		w.agentConfiguration(),
	)
}

// commands writes a page for each command of a program. Completion is left out: each of its
// pages would be the text of its own --help.
func (w writer) commands(root *cobra.Command) error {
	root.InitDefaultVersionFlag()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Hidden = true
		}
	}
	root.DisableAutoGenTag = true // its date is the header's
	header := doc.GenManHeader{Section: "1", Date: &w.date, Source: root.Name() + " " + w.version, Manual: "UniDesk"}
	return doc.GenManTree(root, &header, w.folder)
}

// links are the links of a page of docs to another page.
var links = regexp.MustCompile(`\]\(([a-z]+\.(?:md|yaml))\)`)

// configuration writes the page of controller.yaml and services.yaml.
func (w writer) configuration() error {
	name := filepath.Join(w.docs, "configuration.md")
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	_, body, _ := strings.Cut(string(text), "\n") // its title is the page's
	const state = "\n## State on the master\n"    // is about no file, and has a table that is too wide for a terminal
	body, _, found := strings.Cut(body, state)
	if !found {
		return fmt.Errorf("%s has no heading %q, before which this page ends", name, strings.TrimSpace(state))
	}
	body = links.ReplaceAllString(body, "]("+manual.Folder+"/docs/$1)")
	return w.page("unidesk-controller.yaml", "configuration of unidesk-controller: controller.yaml and services.yaml", body)
}

// agentConfiguration writes the page of agent.yaml, which describes itself.
func (w writer) agentConfiguration() error {
	text, err := os.ReadFile(filepath.Join(w.docs, "agent.yaml"))
	if err != nil {
		return err
	}
	return w.page("unidesk-agent.yaml", "configuration of unidesk-agent", "```\n"+string(text)+"```\n")
}

// page writes a page of section 5 from Markdown. Its headings become sections.
func (w writer) page(name, about, body string) error {
	body = strings.ReplaceAll("\n"+body, "\n## ", "\n# ")
	head := fmt.Sprintf("%% %q \"5\" %q %q \"UniDesk\"\n# NAME\n%s \\- %s\n\n# DESCRIPTION\n", strings.ToUpper(name), w.date.Format("Jan 2006"), "UniDesk "+w.version, name, about)
	return os.WriteFile(filepath.Join(w.folder, name+".5"), md2man.Render([]byte(head+body)), 0o644)
}
