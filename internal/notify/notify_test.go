package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
)

// Each end of a run is an event, or is none.
func TestEachEndHasItsEvent(t *testing.T) {
	t.Parallel()
	c := notify.Config{Command: []string{"/bin/true"}}
	for outcome, want := range map[string]notify.Event{
		string(contract.DecidedSucceeded): notify.Succeeded, string(contract.DecidedDegraded): notify.Degraded,
		string(contract.DecidedReverted): notify.Reverted, string(contract.DecidedRevertFailed): notify.RevertFailed,
		string(contract.DecidedUnsettled): notify.Unsettled, string(contract.DecidedFailed): notify.Failed,
		string(contract.TookBack): notify.Recovered, string(contract.Recorded): notify.Recovered, string(contract.Unreached): notify.Failed,
		string(contract.DecidedInterrupted): "", string(contract.DecidedUnchanged): "", string(contract.DecidedRefused): "",
		string(contract.DecidedBlocked): "", string(contract.DecidedGated): "", string(contract.DecidedStaged): "", string(contract.Released): "",
		string(contract.DecidedBusy): "", string(notify.Test): "",
	} {
		if got, sends := c.Wants(journal.End{Outcome: outcome}); sends != (want != "") || sends && got != want {
			t.Errorf("%s: %s, %t, want %s", outcome, got, sends, want)
		}
	}
	if got, sends := c.Wants(journal.End{Outcome: string(contract.DecidedInterrupted), Receipt: "x"}); got != notify.Reverted || !sends {
		t.Errorf("an interrupted run with a receipt: %s, %t", got, sends)
	}
	c.On = []notify.Event{notify.Reverted}
	if _, sends := c.Wants(journal.End{Outcome: "succeeded"}); sends {
		t.Error("it sends what is not in `on`")
	}
	if _, sends := (notify.Config{}).Wants(journal.End{Outcome: "succeeded"}); sends {
		t.Error("it sends to nothing")
	}
}

func TestAWrongSectionIsRefused(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]notify.Config{
		"absolute path":  {Command: []string{"curl"}},
		"http or https":  {Webhook: &notify.Webhook{URL: "file:///etc/passwd"}},
		"no http":        {Webhook: &notify.Webhook{URL: "https://"}},
		"headersFile":    {Webhook: &notify.Webhook{URL: "https://x", HeadersFile: "headers"}},
		"want one of su": {Command: []string{"/x"}, On: []notify.Event{"success"}},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	if err := (notify.Config{Command: []string{"/x", "y"}, Webhook: &notify.Webhook{URL: "http://[::1]:1/x", HeadersFile: "/h"}, On: notify.Events()}).Validate(); err != nil {
		t.Error(err)
	}
}

// reverted is a notice with all that a notice may have.
func reverted(t *testing.T) notify.Notice {
	t.Helper()
	commit, err := artifact.ParseCommit(strings.Repeat("ab", 20))
	if err != nil {
		t.Fatal(err)
	}
	service, err := artifact.ParseServiceID("frontend")
	if err != nil {
		t.Fatal(err)
	}
	l := journal.Line{
		Time: time.Unix(1e9, 0).UTC(), Run: "20260101T000000Z-1", Service: service, Env: artifact.Prod, Commit: commit, Who: "ann (1000)", Command: "deploy apply",
		End: &journal.End{Outcome: "reverted", Reason: fault.NotProven, Failure: "health answered 503\x1b[2J", Receipt: "20260101T000000Z-1"},
	}
	return notify.About(notify.Reverted, l, &ledger.Receipt{Note: ledger.Note{Message: "why", Link: "https://ci/1"}, DownSeconds: 12.5, Rollback: "unidesk-controller x"})
}

func TestAProgramReadsTheNotice(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "notice")
	c := notify.Config{Command: []string{"/bin/sh", "-c", `cat >"$1"`, "sh", file}}
	if all := c.Send(t.Context(), reverted(t)); len(all) != 1 || all[0] != (notify.Delivery{To: "command"}) {
		t.Fatalf("%+v", all)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(content, &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"schemaVersion": 1.0, "event": "reverted", "text": "frontend in prod: abababababab was reverted: health answered 503\x1b[2J",
		"time": "2001-09-09T01:46:40Z", "run": "20260101T000000Z-1", "service": "frontend", "env": "prod", "commit": strings.Repeat("ab", 20),
		"who": "ann (1000)", "command": "deploy apply", "reason": "NOT_PROVEN", "failure": "health answered 503\x1b[2J",
		"receipt": "20260101T000000Z-1", "message": "why", "link": "https://ci/1", "downSeconds": 12.5, "rollback": "unidesk-controller x",
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
		delete(got, key)
	}
	if len(got) > 0 || strings.Contains(string(content), "\x1b") {
		t.Errorf("besides it has %v:\n%q", got, content)
	}
}

// A program that fails, is not there or does not end, with what it started, is an error with
// its last words.
func TestAProgramThatFailsIsAnError(t *testing.T) {
	t.Parallel()
	for want, argv := range map[string][]string{
		"exit status 3: no\x3frout": {"/bin/sh", "-c", "printf 'no\\033rout'; exit 3"},
		"no such file":              {"/nonexistent"},
	} {
		all := notify.Config{Command: argv}.Send(t.Context(), reverted(t))
		if len(all) != 1 || !strings.Contains(all[0].Error, want) {
			t.Errorf("%q: %+v, want %q", argv, all, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	file := filepath.Join(t.TempDir(), "began")
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(file); err == nil {
				cancel()
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	all := notify.Config{Command: []string{"/bin/sh", "-c", `sleep 1000 & : >"$1"; wait`, "sh", file}}.Send(ctx, reverted(t))
	if len(all) != 1 || !strings.Contains(all[0].Error, "did not end within 30s") {
		t.Errorf("%+v", all)
	}
}

func TestAWebhookIsPosted(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	var got http.Header
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/secret-token":
			got, body = r.Header, must(io.ReadAll(r.Body))
		case "/secret-away":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer server.Close()
	headers := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(headers, []byte("Authorization: Bearer s3cret\nContent-Type: text/x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	post := func(url, headers string) string {
		all := notify.Config{Webhook: &notify.Webhook{URL: url, HeadersFile: headers}}.Send(t.Context(), reverted(t))
		if len(all) != 1 || all[0].To != "webhook" {
			t.Fatalf("%+v", all)
		}
		return all[0].Error
	}
	if err := post(server.URL+"/secret-token", headers); err != "" || got.Get("Authorization") != "Bearer s3cret" || got.Get("Content-Type") != "text/x" || !json.Valid(body) {
		t.Errorf("%s: %v\n%s", err, got, body)
	}
	if err := post(server.URL+"/secret-token", ""); err != "" || got.Get("Content-Type") != "application/json" {
		t.Errorf("%s: %v", err, got)
	}
	if err := os.WriteFile(headers, []byte("Bearer s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, c := range map[string][3]string{
		"it refuses":            {server.URL + "/secret-no", "", "answered 403 Forbidden"},
		"it leads elsewhere":    {server.URL + "/secret-away", "", "answered 307"},
		"it is not there":       {gone.URL + "/secret-none", "", "connection refused"},
		"its headers are wrong": {server.URL + "/secret-token", headers, "is not `Name: value`"},
		"it has no headers":     {server.URL + "/secret-token", headers + "x", "no such file"},
	} {
		if err := post(c[0], c[1]); !strings.Contains(err, c[2]) || strings.Contains(err, "secret") || strings.Contains(err, "s3cret") {
			t.Errorf("%s: %q, want %q", name, err, c[2])
		}
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Of processes that want to send a notice, the first alone does.
func TestANoticeHasOneSender(t *testing.T) {
	t.Parallel()
	claims := notify.OpenClaims(filepath.Join(t.TempDir(), "notices"))
	now := time.Now()
	run := ledger.NewID(now)
	var took atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if got, err := claims.Take(run, notify.ByRun, now); err != nil {
				t.Error(err)
			} else if got {
				took.Add(1)
			}
		})
	}
	if group.Wait(); took.Load() != 1 {
		t.Errorf("%d took it", took.Load())
	}
	if got, err := claims.Take(strings.Repeat("a", 300), notify.ByRun, now); got || err == nil {
		t.Errorf("a claim that no file system takes: %t, %v", got, err)
	}
	if c := claims.Of(run); c == nil || c.By != notify.ByRun || len(c.Deliveries) > 0 {
		t.Errorf("%+v", c)
	}
	all := []notify.Delivery{{To: "command", Error: "no"}}
	if err := claims.Close(run, notify.ByRun, now, all); err != nil {
		t.Fatal(err)
	}
	if c := claims.Of(run); c == nil || len(c.Deliveries) != 1 || c.Deliveries[0] != all[0] {
		t.Errorf("%+v", c)
	}
	if got, err := claims.Take(run, notify.ByWatch, now); got || err != nil {
		t.Errorf("%t, %v", got, err)
	}
	if got, err := claims.Take(ledger.NewID(now), notify.ByWatch, now.Add(journal.KeptFor+time.Hour)); !got || err != nil || claims.Of(run) != nil {
		t.Errorf("the old claim is kept: %t, %v", got, errors.Join(err))
	}
}
