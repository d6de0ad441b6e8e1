package metrics

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// reader returns a reader of an installation in a folder of its own.
func reader(t *testing.T) *Reader {
	t.Helper()
	c := site.Defaults()
	dir := t.TempDir()
	c.State, c.Master.Root, c.Metrics.Textfile = filepath.Join(dir, "state"), dir, filepath.Join(dir, "node", "unidesk.prom")
	return &Reader{Config: c, Services: must(catalog.Builtin())}
}

// put writes a file with the folders above it.
func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func record(t *testing.T, r *Reader, receipt ledger.Receipt) {
	t.Helper()
	must(ledger.Open(r.Config.LedgerDir()).Record(receipt))
}

// of returns what is known of frontend in prod.
func of(f Facts) Place {
	for _, p := range f.Places {
		if p.Pair == (Pair{"frontend", "prod"}) {
			return p
		}
	}
	return Place{}
}

func TestNothingIsThereYet(t *testing.T) {
	t.Parallel()
	r := reader(t)
	f := r.Read(start())
	if err := f.Fault(); err != nil || len(f.Places) < 15 || len(f.Unsettled)+len(f.Attempts)+f.Leftovers > 0 || of(f).Commit != "" {
		t.Errorf("%+v", f)
	}
	if _, err := os.Stat(r.Config.State); !os.IsNotExist(err) {
		t.Errorf("reading wrote: %v", err)
	}
}

func TestWhatTheMasterKnowsIsRead(t *testing.T) {
	t.Parallel()
	r := reader(t)
	record(t, r, past(t, 1, "a", ledger.Succeeded))
	gone := past(t, 2, "b", ledger.Succeeded)
	gone.Service = must(artifact.ParseServiceID("no-longer-there"))
	record(t, r, gone)
	tried(t, r.Config.RunsDir(), start(), "gated")
	put(t, filepath.Join(r.Config.RunsDir(), "prod", "no-longer-there", "20260101T000000Z-00000001.jsonl"),
		`{"time":"2026-01-01T00:00:00Z","run":"20260101T000000Z-00000001","service":"no-longer-there","env":"prod","end":{"outcome":"failed"}}`+"\n")
	put(t, filepath.Join(r.Config.SpoolDir(), "sha256", "one"), "12345")
	put(t, filepath.Join(r.Config.ChangesDir(), "compose-unidesk.frontend.pending.json"), `{"version":2,"spec":{"ref":"compose-unidesk.frontend"},
		"change":{"id":"x","ref":"compose-unidesk.frontend","image":{"commit":"`+strings.Repeat("c", 40)+`"},"deadline":"2026-11-26T02:00:00Z"}}`)
	f := r.Read(start())
	if err := f.Fault(); err != nil {
		t.Fatal(err)
	}
	p := of(f)
	if !p.Streamed || p.Commit != strings.Repeat("a", 40) || p.State != overview.Unconfirmed || p.Count[ledger.Succeeded] != 1 {
		t.Errorf("%+v", p)
	}
	want := []Change{{Pair{"frontend", "prod"}, strings.Repeat("c", 40), "x", start().Add(20 * time.Minute)}}
	if diff := cmp.Diff(want, f.Unsettled); diff != "" || f.Leftovers != 1 {
		t.Errorf("%d leftovers; %s", f.Leftovers, diff)
	}
	if got := totals(f.Attempts); got != "frontend prod gated 1" {
		t.Error(got)
	}
	kinds := ""
	for _, folder := range f.Folders {
		kinds += folder.Kind + " "
		if folder.Kind == "spool" && (folder.Bytes != 5 || folder.Quota != r.Config.SpoolQuota) || folder.Kind == "ledger" && folder.Bytes < 500 {
			t.Errorf("%+v", folder)
		}
	}
	if kinds != "spool cache ledger runs " {
		t.Error(kinds)
	}
	unlock := must(ledger.Open(r.Config.LedgerDir()).Lock(artifact.Prod, "frontend", "alice"))
	defer unlock()
	if p := of(r.Read(start())); p.State != overview.Changing {
		t.Errorf("a run has it: %s", p.State)
	}
}

// The receipts of years are not read each minute.
func TestReceiptsAreReadWhenTheirFolderHasChanged(t *testing.T) {
	t.Parallel()
	r := reader(t)
	record(t, r, past(t, 1, "a", ledger.Succeeded))
	of(r.Read(start())).Count[ledger.Succeeded] = 7 // what was read is kept
	if n := of(r.Read(start())).Count[ledger.Succeeded]; n != 7 {
		t.Errorf("read again: %d", n)
	}
	record(t, r, past(t, 2, "b", ledger.Succeeded))
	if p := of(r.Read(start())); p.Count[ledger.Succeeded] != 2 || p.Commit != strings.Repeat("b", 40) {
		t.Errorf("%+v", p)
	}
}

func TestASourceThatIsNotReadIsNamed(t *testing.T) {
	t.Parallel()
	for source, spoil := range map[Source]func(r *Reader) string{
		FromLedger: func(r *Reader) string { return filepath.Join(r.Config.LedgerDir(), "prod", "frontend", "odd.json") },
		FromJournal: func(r *Reader) string {
			return filepath.Join(r.Config.RunsDir(), "prod", "frontend", ledger.NewID(start())+".jsonl")
		},
		FromChanges:  func(r *Reader) string { return filepath.Join(r.Config.ChangesDir(), "compose-a.b.pending.json") },
		FromAttempts: func(r *Reader) string { return r.Config.AttemptsFile() },
	} {
		r := reader(t)
		record(t, r, past(t, 1, "a", ledger.Succeeded))
		tried(t, r.Config.RunsDir(), start(), "gated")
		put(t, spoil(r), "{")
		f := r.Read(start())
		for _, s := range Sources() {
			if (f.Unread[s] != nil) != (s == source) {
				t.Errorf("%s is spoiled, and of %s: %v", source, s, f.Unread[s])
			}
		}
		if (f.Places == nil) != (source == FromLedger) || (f.Attempts == nil) != (source == FromAttempts) {
			t.Errorf("%s: %d places, attempts %v", source, len(f.Places), f.Attempts)
		}
	}
}

// kept runs Keep for a time, with what happens after so many minutes, and returns its log.
func kept(t *testing.T, r *Reader, during map[int]func(), minutes int) string {
	t.Helper()
	var said bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			defer close(over)
			r.Keep(ctx, slog.New(slog.NewTextHandler(&said, nil)))
		}()
		for i := range minutes {
			synctest.Wait()
			if act := during[i]; act != nil {
				act()
			}
			time.Sleep(time.Minute)
		}
		stop()
		<-over
	})
	return said.String()
}

func TestTheTextfileIsKept(t *testing.T) {
	t.Parallel()
	r := reader(t)
	file := r.Config.Metrics.Textfile
	put(t, filepath.Join(filepath.Dir(file), "other.prom"), "")
	has := func(want string) func() {
		return func() {
			text, err := os.ReadFile(file)
			if err != nil || !strings.Contains(string(text), want) {
				t.Errorf("%v, want %q:\n%s", err, want, text)
			}
		}
	}
	const attempt = `unidesk_attempts_total{env="prod",outcome="gated",service="frontend"} 1`
	var run string
	log := kept(t, r, map[int]func(){
		0: func() {
			has("unidesk_unsettled 0")()
			run = tried(t, r.Config.RunsDir(), start(), "gated")
			record(t, r, past(t, 1, "a", ledger.Succeeded))
		},
		1: func() {
			has(attempt)()
			has(`unidesk_deploys_total{env="prod",outcome="succeeded",service="frontend"} 1`)()
			if err := os.Remove(run); err != nil {
				t.Error(err)
			}
		},
		3: has(attempt),
	}, 4)
	if log != "" {
		t.Error(log)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("node_exporter is another account: %v, %v", info, err)
	}
	if text := string(must((&Reader{Config: r.Config, Services: r.Services}).Read(start()).Text())); !strings.Contains(text, attempt) {
		t.Error("the next process has forgotten what was swept")
	}
}

func TestAFailureIsLoggedOnceAndStopsNothing(t *testing.T) {
	t.Parallel()
	r := reader(t)
	folder := filepath.Dir(r.Config.Metrics.Textfile)
	log := kept(t, r, map[int]func(){5: func() { put(t, filepath.Join(folder, "other.prom"), "") }}, 8)
	lines := strings.Split(strings.TrimSpace(log), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "level=ERROR") || !strings.Contains(lines[0], "ls -ld "+folder) || !strings.Contains(lines[1], "level=INFO") {
		t.Error(log)
	}
	if _, err := os.Stat(r.Config.Metrics.Textfile); err != nil {
		t.Error(err)
	}
}

func TestATextfileThatCannotBeWrittenLeavesTheOldOne(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "unidesk.prom")
	put(t, file, "old")
	f := sample()
	f.Attempts[0].Outcome = "\xff"
	if err := f.write(file); err == nil || string(must(os.ReadFile(file))) != "old" {
		t.Errorf("%v", err)
	}
}
