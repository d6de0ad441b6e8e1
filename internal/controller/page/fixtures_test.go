package page_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/build"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/page"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/snapshot"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func ok(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func commit(digit string) artifact.Commit {
	return must(artifact.ParseCommit(strings.Repeat(digit, 40)))
}

// desk is a published folder of an installation: frontend was deployed twice, and goes on with
// a third deploy.
type desk struct {
	folder                string
	kept, reverted, going string // ids of runs
	writer                *journal.Writer
	publisher             *snapshot.Publisher
	look                  overview.Status
	unwatch               func() // ends the watch
	now                   time.Time
}

// line returns a line of a run of frontend.
func (d *desk) line(run, commitDigit string, p workload.Point, text string) journal.Line {
	return journal.Line{
		Time: time.Now().UTC(), Run: run, Service: must(artifact.ParseServiceID("frontend")), Env: artifact.Prod, Commit: commit(commitDigit),
		Who: "alice (1000)", Command: "artifact-registry deploy-service", Point: p, Text: text,
	}
}

// texts returns the free text of a kind.
type texts func(kind string) string

// all returns the same word for each kind.
func all(word string) texts { return func(string) string { return word } }

// natural returns texts as they are in an installation.
func natural(kind string) string {
	return map[string]string{
		"who": "alice (1000)", "message": "login fails for new users", "link": "https://ci.example.com/jobs/4711", "version": "v0.1.0",
		"check": "deploy commit in its environment", "value": strings.Repeat("a", 12), "failure": "health answered 503 for 60 s, want 200",
		"log": "frontend: cannot reach its database", "disturbed": "unidesk-redis was restarted by another program", "warning": "an older image stays: it has a name of yours",
		"provenance": "the producer's summary names this digest", "signer": "supervisor@example.com", "key": "SHA256:0123456789abcdef",
		"text": "layer 3 of 5", "command": "artifact-registry deploy-service", "summary": "the registry answers, and the disk of its blobs is nearly full",
		"holder": "deploy of bob (1001)", "subject": "let a user log in again", "name": "listens on loopback alone", "seen": "unidesk-frontend runs aaaaaaaaaa and keeps restarting", "wanted": strings.Repeat("b", 40),
		"question": "what the host elsewhere runs", "answer": "elsewhere does not answer on port 22", "hint": "ssh elsewhere true",
	}[kind]
}

// newDesk publishes an installation with these texts.
func newDesk(t *testing.T, text texts) *desk {
	t.Helper()
	d := &desk{folder: t.TempDir(), now: time.Now().UTC()}
	books, runs := ledger.Open(t.TempDir()), journal.Open(t.TempDir())
	ago := func(m int) time.Time { return d.now.Add(-time.Duration(m) * time.Minute) }
	d.kept, d.reverted, d.going = ledger.NewID(ago(120)), ledger.NewID(ago(60)), ledger.NewID(ago(1))
	frontend, config := must(artifact.ParseServiceID("frontend")), artifact.DigestOf([]byte("config"))
	receipt := ledger.Receipt{
		Schema: 2, ID: d.kept, Service: frontend, Env: artifact.Prod, Host: "master", Commit: commit("a"), Outcome: ledger.Succeeded, Started: ago(120), Finished: ago(119),
		Who: text("who"), Note: ledger.Note{Message: text("message"), Link: text("link")}, Controller: text("version"), Image: ledger.Image{Manifest: config, Config: config},
		Evidence: []proof.Finding{
			{Check: "image", Kind: proof.Digest, Want: config.String(), Got: config.String(), OK: true},
			{Check: text("check"), Kind: proof.Stamped, Want: text("value"), Got: text("value")},
		},
		Bytes: ledger.Bytes{Image: 5 << 20, Received: 1 << 20}, Steps: []ledger.Step{{Point: workload.PointGuard, At: ago(120)}, {Point: workload.PointBefore, At: ago(119)}},
		Transfer: &workload.Transfer{Wire: 1 << 20, Whole: 4 << 20}, Rollback: "unidesk-controller rollback",
		Disturbed: []string{text("disturbed")}, Warnings: []string{text("warning")}, Provenance: provenance.Verdict{Status: provenance.Verified, Detail: text("provenance")},
		Grant:  &grant.Grant{Statement: grant.Draft(grant.Deploy{Service: frontend, Env: artifact.Prod, Commit: commit("a")}, d.now), Signer: text("signer"), Key: text("key")},
		Stamps: map[string]string{"not": "shown"},
	}
	must(books.Record(receipt))
	old := receipt
	old.ID, old.Commit, old.Started, old.Finished = ledger.NewID(ago(181)), commit("0"), ago(181), ago(180)
	must(books.Record(old))
	receipt.ID, receipt.Commit, receipt.Outcome, receipt.Started, receipt.Finished = d.reverted, commit("b"), ledger.Reverted, ago(61), ago(60)
	receipt.Steps = []ledger.Step{{Point: workload.PointGuard, At: ago(61)}, {Point: workload.PointSwitch, At: ago(60)}}
	receipt.Failure, receipt.Logs, receipt.DownSeconds = text("failure"), []string{text("log"), text("log")}, 4.2
	must(books.Record(receipt))

	d.writer = runs.Writer(func(err error) { t.Error(err) })
	t.Cleanup(d.writer.Close)
	end := func(run, digit, outcome, failure string) {
		l := d.line(run, digit, workload.PointRecord, text("text"))
		l.Who, l.Command, l.End = text("who"), text("command"), &journal.End{Outcome: outcome, Failure: failure, Receipt: run}
		d.writer.Append(l)
	}
	end(d.kept, "a", "succeeded", "")
	end(d.reverted, "b", "reverted", text("failure"))
	l := d.line(d.going, "c", workload.PointTransfer, text("text"))
	l.Done, l.Total = 1<<20, 4<<20
	d.writer.Append(l)

	newer := 3
	now := func(c artifact.Commit) workload.Running {
		return workload.Running{Text: text("seen"), Known: true, Commit: c.String()}
	}
	proven := ledger.Brief{Receipt: d.kept, Commit: commit("a"), Since: ago(119), Who: text("who")}
	d.look = overview.Status{
		At: d.now, Hosts: []overview.Host{{Name: "D601", Reachable: true, Version: text("version")}, {Name: "elsewhere"}},
		Registry: &overview.Registry{Host: "D601", Decision: "unhealthy", Summary: text("summary")}, Runs: []journal.Going{},
		Interrupted: []overview.Interrupted{{Service: "code-queue-mgr", Env: artifact.Prod, Commit: commit("b"), Holder: text("holder"), Deadline: d.now.Add(3 * time.Minute)}},
		Services: []overview.Live{
			{Service: "frontend", Env: artifact.Dev, Host: "D601", State: overview.None},
			{Service: "frontend", Env: artifact.Prod, Host: "master", State: overview.Down, Running: now(proven.Commit), Wanted: text("wanted"), Newer: &newer, Proven: &proven},
			{Service: "baidu-netdisk", Env: artifact.Dev, Host: "D601", State: overview.Proven, Running: now(commit("d")), Proven: &proven},
			{Service: "baidu-netdisk", Env: artifact.Prod, Host: "D601", State: overview.Degraded, Running: now(commit("d")), Proven: &proven},
			{Service: "met-nonlinear", Env: artifact.Prod, Host: "D601", State: overview.None},
			{Service: "decision-center", Env: artifact.Prod, Host: "D601", State: overview.NotAsked, Proven: &proven},
		},
		Report: &registry.Report{
			Checks:   []registry.Check{{Name: text("name"), OK: true, Got: text("value")}, {Name: text("name"), Want: text("value"), Got: text("value"), Fix: text("hint")}},
			Warnings: []string{text("warning")},
		},
		Shelves: []inventory.Shelf{{Service: frontend, Others: []string{"not shown"}, Artifacts: []inventory.Published{
			{Commit: commit("c"), Size: 5 << 20, Created: ago(5), Standing: map[artifact.Env]ledger.Standing{artifact.Dev: ledger.RolledBack, artifact.Prod: ledger.New}, Subject: text("subject")},
			{Commit: commit("e")},
		}}},
		Unasked: []inventory.Unasked{*inventory.NotAsked(text("question"), fault.New(fault.HostUnreachable, "%s", text("answer")).WithHint("%s", text("hint")))},
	}
	rows := []catalog.Row{must(must(catalog.Builtin()).Row("frontend"))}
	d.publisher = &snapshot.Publisher{Folder: d.folder, Ledger: books, Runs: runs, Services: rows, Build: build.Info{Version: "v0.1.0"}, Log: logger(t)}
	d.publisher.Write(d.look)
	mirror(t, d)
	return d
}

// mirror keeps the copies of the runs until the test ends, and returns when they are there.
func mirror(t *testing.T, d *desk) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.publisher.Copy(ctx, func() {})
	}()
	d.unwatch = func() {
		cancel()
		<-done
	}
	t.Cleanup(d.unwatch)
	for {
		runs, err := snapshot.Runs(d.folder).Runs(journal.Query{})
		if err == nil && len(runs) == 3 {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// logger fails a test that logs.
func logger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(writes(func(line string) { t.Error("it logs " + line) }), nil))
}

type writes func(string)

func (w writes) Write(p []byte) (int, error) {
	w(string(p))
	return len(p), nil
}

// server returns a server of the desk as of its time.
func (d *desk) server(t *testing.T) *page.Server {
	t.Helper()
	s := page.New(d.folder, logger(t))
	s.Now = func() time.Time { return d.now }
	return s
}

// answer is what a browser gets.
type answer struct {
	code int
	text string
}

// get returns the answer to a request of a browser on this machine.
func get(h http.Handler, path string) answer {
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "localhost:8300"
	h.ServeHTTP(w, r)
	return answer{w.Code, w.Body.String()}
}

// elements calls each with every element of a page.
func elements(t *testing.T, page string, each func(*html.Node)) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	ok(t, err)
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			each(n)
		}
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// slogTo returns a logger that keeps its lines.
func slogTo(lines *[]string) *slog.Logger {
	return slog.New(slog.NewTextHandler(writes(func(line string) { *lines = append(*lines, line) }), nil))
}
