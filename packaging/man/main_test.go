package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	agent "github.com/pikasTech/unidesk-artifact-cd/internal/agent/cli"
	controller "github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli"
)

// pages writes the pages into a new folder and returns them by name.
func pages(t *testing.T) map[string]string {
	t.Helper()
	w := writer{folder: filepath.Join(t.TempDir(), "man"), docs: "../../docs", version: "v1.2.3", date: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)}
	if err := w.all(); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(w.folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(name)] = string(text)
	}
	return all
}

func TestEachCommandHasAPage(t *testing.T) {
	t.Parallel()
	all, want := pages(t), 0
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		want++
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		if text := all[name]; !strings.Contains(text, ".SH NAME") || !strings.Contains(text, "v1.2.3") || !strings.Contains(text, `"Nov 2026"`) {
			t.Errorf("%s lacks its name, version or date: %.200q", name, text)
		}
		for _, c := range cmd.Commands() {
			if c.Name() != "completion" && c.Name() != "help" && !c.IsAdditionalHelpTopicCommand() {
				look(c)
			}
		}
	}
	look(agent.Command(nil, nil, nil))
	look(controller.Command())
	for name, has := range map[string]string{"unidesk-controller.yaml.5": `/usr/share/doc/unidesk\-controller/docs/hosts.md`, "unidesk-agent.yaml.5": "deltaQuota"} {
		want++
		if text := all[name]; !strings.Contains(text, ".SH NAME") || !strings.Contains(text, has) || strings.Contains(text, ".TS") {
			t.Errorf("%s lacks %q, or has a table: %.200q", name, has, text)
		}
	}
	if len(all) != want || want < 35 {
		t.Errorf("%d pages, want %d", len(all), want)
	}
}

// A package is the same bytes from the same commit.
func TestThePagesAreTheSameEachTime(t *testing.T) {
	t.Parallel()
	first, second := pages(t), pages(t)
	for name, text := range first {
		if second[name] != text {
			t.Errorf("%s differs", name)
		}
	}
}
