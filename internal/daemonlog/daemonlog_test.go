package daemonlog

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// recorded is a journal that keeps what it is handed.
type recorded struct{ lines *[]string }

func (r recorded) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (r recorded) Handle(_ context.Context, record slog.Record) error {
	line := fmt.Sprintf("%s|%s", record.Level, record.Message)
	record.Attrs(func(a slog.Attr) bool { line += "|" + a.String(); return true })
	*r.lines = append(*r.lines, line)
	return nil
}

func (r recorded) WithAttrs([]slog.Attr) slog.Handler { return r }
func (r recorded) WithGroup(string) slog.Handler      { return r }

// What journalctl prints has the attributes, those of With and of groups as well.
func TestTheMessageHasTheAttributes(t *testing.T) {
	t.Parallel()
	var lines []string
	logger := slog.New(newHandler(recorded{&lines}))
	logger.Info("plain")
	logger.Debug("hidden")
	logger.With(slog.String("change", "c1")).Warn("reverted", slog.String("err", "two words"), slog.Group("at", slog.String("step", "switch")))
	logger.WithGroup("run").Error("failed", slog.Int("id", 7))
	want := []string{
		"INFO|plain",
		`WARN|reverted change=c1 err="two words" at.step=switch|err=two words|at=[step=switch]`,
		"ERROR|failed run.id=7|id=7",
	}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestAFieldHasANameThatTheJournalAccepts(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{"change": "CHANGE", "attempt-2": "ATTEMPT_2", "größe": "GR__E", "": ""} {
		if got := capitals(nil, slog.String(key, "v")).Key; got != want {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
	}
}

// Only the stream that systemd names is the journal: one that was led elsewhere is not.
func TestOnlyTheNamedStreamIsTheJournal(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "stream"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	is := info.Sys().(*syscall.Stat_t)
	own := fmt.Sprintf("%d:%d", is.Dev, is.Ino)
	for name, c := range map[string]struct {
		variable string
		want     bool
	}{"it": {own, true}, "another": {own + "1", false}, "none": {"", false}} {
		if got := isJournal(f, c.variable); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if isJournal(&bytes.Buffer{}, own) {
		t.Error("a buffer is the journal")
	}
}
