package journal_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/hostile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A file that another account wrote steers nothing: what is no line of its run is passed
// over, what is no file is named, and the runs beside it are read.
func TestHostileFilesHideNoRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := journal.Open(dir)
	good := ledger.NewID(time.Now().Add(-time.Minute))
	writer(t, j).Append(end(line(t, good, workload.PointGuard, "good"), "blocked"))
	text := func(l journal.Line) string {
		b, err := l.Encode()
		must(t, err)
		return string(b)
	}
	other := line(t, good, workload.PointGuard, "another run's")
	mixed := ledger.NewID(time.Now())
	own := text(line(t, mixed, workload.PointSwitch, "its own"))
	must(t, os.WriteFile(file(dir, mixed), []byte(strings.Join([]string{
		"null", "{}", "[1]", "\x00\xff", strings.Repeat("x", 200_000), `{"text":"` + strings.Repeat("y", 70_000) + `"}`, text(other),
		strings.ReplaceAll(own, "prod", "dev"), strings.ReplaceAll(own, "web", "api"), strings.ReplaceAll(own, `"time":"2`, `"time":"-2`), own, own[:len(own)-3],
	}, "\n")), 0o600))
	link, pipe := ledger.NewID(time.Now()), ledger.NewID(time.Now())
	must(t, os.Symlink(file(dir, good), file(dir, link)), unix.Mkfifo(file(dir, pipe), 0o600),
		os.WriteFile(file(dir, "../../../x"), nil, 0o600), os.WriteFile(filepath.Join(dir, "prod", "web", "notes.jsonl"), nil, 0o600))
	runs, err := j.Runs(journal.Query{})
	if len(runs) != 2 || runs[0].ID != mixed || runs[1].ID != good {
		t.Fatalf("%+v", runs)
	}
	if said := fmt.Sprint(err); !strings.Contains(said, link) || !strings.Contains(said, pipe) {
		t.Errorf("it names neither the link nor the pipe: %v", err)
	}
	if _, lines, err := j.Lines(mixed); err != nil || len(lines) != 1 || lines[0].Text != "its own" {
		t.Errorf("%+v, %v", lines, err)
	}
}

// What is there already is not written, though it has the name of a run.
func TestAPlantedFileIsNotWritten(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]func(secret, at string) error{"a link": os.Symlink, "a file": os.Rename} {
		dir := t.TempDir()
		run := ledger.NewID(time.Now())
		secret := filepath.Join(t.TempDir(), "secret")
		must(t, os.WriteFile(secret, []byte("kept"), 0o600), os.MkdirAll(filepath.Dir(file(dir, run)), 0o700), plant(secret, file(dir, run)))
		told := 0
		w := journal.Open(dir).Writer(func(error) { told++ })
		w.Append(line(t, run, workload.PointGuard, "x"))
		if content, err := os.ReadFile(file(dir, run)); err != nil || string(content) != "kept" || told != 1 {
			t.Errorf("%s: %q, %v, reported %d times", name, content, err, told)
		}
	}
}

func TestOldRunsAndTooManyAreSwept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now()
	must(t, os.MkdirAll(filepath.Join(dir, "prod", "web"), 0o700))
	put := func(at time.Time) (run string) {
		run = ledger.NewID(at)
		must(t, os.WriteFile(file(dir, run), nil, 0o600))
		return run
	}
	there := func(run string) bool {
		_, err := os.Lstat(file(dir, run))
		return err == nil
	}
	old, oldest := put(now.Add(-91*24*time.Hour)), put(now.Add(-89*24*time.Hour))
	writer(t, journal.Open(dir)).Append(line(t, ledger.NewID(now), workload.PointGuard, ""))
	if there(old) || !there(oldest) {
		t.Errorf("by age: %v, %v", there(old), there(oldest))
	}
	for i := range 1998 { // with the oldest, and the new, they are 2000
		put(now.Add(-time.Duration(i+1) * time.Minute))
	}
	foreign := put(now.Add(-88 * 24 * time.Hour))
	if err := os.Lchown(file(dir, foreign), 65534, 65534); err != nil { // only root gives a file away
		must(t, os.Remove(file(dir, foreign)))
		foreign = ""
	}
	last := ledger.NewID(now)
	writer(t, journal.Open(dir)).Append(line(t, last, workload.PointGuard, ""))
	if there(oldest) || !there(last) || foreign != "" && !there(foreign) {
		t.Errorf("by count: %v, %v, %v", there(oldest), there(last), there(foreign))
	}
}

// What a host returned acts on no terminal, and is the same text again when it is read.
func TestNoTextOfALineActs(t *testing.T) {
	t.Parallel()
	for _, v := range append(hostile.Values(), "\u202e", "\x1b]0;x\a", "a\nb") {
		l := line(t, ledger.NewID(time.Now()), workload.Point(v), v)
		l.Who, l.Command = v, v
		l = end(l, v)
		text, err := l.Encode()
		must(t, err)
		if bytes.ContainsFunc(text[:len(text)-1], plain.Acts) {
			t.Errorf("%q acts", text)
		}
		again, err := journal.Decode(text)
		if want := strings.ToValidUTF8(v, "\ufffd"); err != nil || len(want) <= 256 && (again.Text != want || again.Who != want || again.End.Outcome != want) {
			t.Errorf("%q is read as %q, %v", v, again.Text, err)
		}
	}
}

// FuzzALineIsReadWholeOrRefused: whatever a file holds, it is refused, or a line that is
// written and read again as the same, is no longer than a reader takes, and acts on no
// terminal.
func FuzzALineIsReadWholeOrRefused(f *testing.F) {
	const head = `{"time":"2026-11-01T00:00:00.5Z","run":"20261101T000000Z-00000000","service":"web","env":"prod",`
	f.Add([]byte(head + `"commit":"1111111111111111111111111111111111111111","point":"switch","text":"x","done":1,"total":-2}`))
	f.Add([]byte(head + `"end":{"outcome":"reverted","reason":"NOT_PROVEN","failure":"a\nb\u202e\ud800","receipt":"../../x"}}`))
	f.Add([]byte(`{"time":"9999-12-31T23:59:59.999999999-23:59","run":"20261101T000000Z-00000000","service":"web","env":"dev"}`))
	f.Add([]byte(`{"run":"1","service":"../x","env":"prod"}`))
	f.Add([]byte("null"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		l, err := journal.Decode(content)
		if err != nil {
			return
		}
		one, err := l.Encode()
		if err != nil {
			t.Fatalf("%+v is read and cannot be written: %v", l, err)
		}
		if len(one) > 64<<10 || bytes.ContainsFunc(one[:len(one)-1], plain.Acts) {
			t.Errorf("%d bytes: %q", len(one), one)
		}
		again, err := journal.Decode(one)
		if err != nil {
			t.Fatalf("%s is written and cannot be read: %v", one, err)
		}
		if two, err := again.Encode(); err != nil || !bytes.Equal(one, two) {
			t.Errorf("%s is read and written as %s (%v)", one, two, err)
		}
	})
}
