package cli

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/explain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// library is an agent whose registry holds commits, each built so many hours ago.
type library struct {
	rpc.Images
	hours map[string]int
}

// List implements rpc.Images.
func (l library) List(_ context.Context, repo artifact.Repository, _ int, _ string, each func(string, artifact.Digest, error)) (string, error) {
	if repo.String() != "unidesk/frontend" {
		return "", fault.New(fault.ArtifactNotFound, "none")
	}
	for _, name := range slices.Sorted(maps.Keys(l.hours)) {
		each(name, artifact.DigestOf([]byte(name)), nil)
	}
	return "", nil
}

// Details implements rpc.Images.
func (l library) Details(_ context.Context, _ artifact.Repository, d artifact.Digest, _ artifact.Platform) (int64, time.Time, error) {
	for name, hours := range l.hours {
		if artifact.DigestOf([]byte(name)) == d {
			return 1, time.Now().Add(-time.Duration(hours)*time.Hour - time.Minute), nil
		}
	}
	return 0, time.Time{}, fault.New(fault.ArtifactNotFound, "none")
}

// completed is what a shell gets to hear, with the directive in its last line.
func completed(t *testing.T, dir string, args ...string) []string {
	t.Helper()
	var out, errs bytes.Buffer
	code := Run(t.Context(), append([]string{"__complete", "--config", dir}, args...), Streams{Out: &out, Err: &errs}, "1", nil)
	if code != present.ExitOK || strings.Contains(errs.String(), "error") {
		t.Errorf("%v: exit %d, %s", args, code, errs.String())
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func configured(t *testing.T, host string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	content := fmt.Sprintf("version: 1\nstate: %s/state\nhosts: {D601: {%s}}\nmaster: {root: /srv/unidesk}\n", dir, host)
	if err := os.WriteFile(filepath.Join(dir, "controller.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAShellKnowsServicesEnvironmentsAndCommits(t *testing.T) {
	t.Parallel()
	a, b, c := strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("c", 40)
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(rpc.ServerOptions()...)
	rpc.Register(s, described{}, library{hours: map[string]int{a: 30, b: 2, c: 900, "latest": 1}}, nil)
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() {
		s.Stop()
		serving.Wait()
	})
	dir := configured(t, "socket: "+path)
	books := ledger.Open(filepath.Join(dir, "state", "ledger"))
	for i, commit := range []string{c, a, b} { // b was reverted
		r := ledger.Receipt{
			ID: fmt.Sprint(i), Service: must(artifact.ParseServiceID("frontend")), Env: artifact.Prod, Commit: must(artifact.ParseCommit(commit)),
			Outcome: ledger.Succeeded, Started: time.Unix(int64(i), 0), Image: ledger.Image{Manifest: artifact.DigestOf([]byte(commit))},
		}
		if commit == b {
			r.Outcome, r.ProofFailed = ledger.Reverted, true
		}
		if _, err := books.Record(r); err != nil {
			t.Fatal(err)
		}
	}
	const plain, ordered = ":4", ":36" // no files; and in this order

	services := completed(t, dir, "logs", "--service", "")
	if len(services) != 16 || services[0] != "backend-core" || services[15] != plain {
		t.Errorf("services: %q", services)
	}
	if reasons, want := completed(t, dir, "explain", ""), "LOCKED\t"+must(explain.Of("LOCKED")).Cause; !slices.Contains(reasons, want) || reasons[len(reasons)-1] != plain {
		t.Errorf("reasons: %q, want %q among them", reasons, want)
	}
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"rollback", "--env", ""}, []string{"prod", "dev", plain}},
		{[]string{"deploy", "plan", "--env", ""}, []string{"prod", "dev", plain}},
		{[]string{"history", "-o", ""}, []string{"text", "wide", "json", plain}},
		{[]string{"explain", "LOCKED", ""}, []string{plain}},
		{
			[]string{"artifact-registry", "deploy-service", "--service", "frontend", "--commit", ""},
			[]string{b + "\t2 h, reverted", a + "\t30 h, live", c + "\t37 d, proven", ordered},
		},
		{
			[]string{"deploy", "apply", "--service", "frontend", "--env", "dev", "--commit", "a"},
			[]string{b + "\t2 h, new", a + "\t30 h, new", c + "\t37 d, new", ordered},
		},
		{[]string{"rollback", "--service", "frontend", "--to", ""}, []string{a + "\tlive", c + "\tproven", ordered}},
		{[]string{"rollback", "--to", ""}, []string{ordered}},
		{[]string{"history", "--outcome", ""}, []string{"succeeded", "degraded", "reverted", "revert-failed", plain}},
		{[]string{"deploy", "apply", "--service", "todo-note", "--commit", ""}, []string{ordered}},
		{[]string{"deploy", "apply", "--service", "no-such", "--commit", ""}, []string{ordered}},
		{[]string{"deploy", "apply", "--commit", ""}, []string{ordered}},
		{[]string{"artifact-registry", "deploy-backend-core", "--commit", ""}, []string{ordered}},
	} {
		if diff := cmp.Diff(c.want, completed(t, dir, c.args...)); diff != "" {
			t.Errorf("%v: %s", c.args, diff)
		}
	}
}

func TestAShellKnowsReceiptsAndHosts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	content := fmt.Sprintf("version: 1\nstate: %s/state\nhosts: {D601: {socket: /a}, D602: {socket: /b}}\nmaster: {root: /srv/unidesk}\n", dir)
	if err := os.WriteFile(filepath.Join(dir, "controller.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	one := ledger.Receipt{
		ID: "20260101T000000Z-1", Service: must(artifact.ParseServiceID("frontend")), Env: artifact.Prod,
		Commit: must(artifact.ParseCommit(strings.Repeat("a", 40))), Outcome: ledger.Succeeded,
	}
	if _, err := ledger.Open(filepath.Join(dir, "state", "ledger")).Record(one); err != nil {
		t.Fatal(err)
	}
	run := journal.Line{
		Time: time.Now(), Run: ledger.NewID(time.Now()), Service: one.Service, Env: one.Env, Commit: one.Commit, Point: workload.PointGuard,
		End: &journal.End{Outcome: "failed"},
	}
	written := journal.Open(filepath.Join(dir, "state", "runs")).Writer(func(err error) { t.Error(err) })
	written.Append(run)
	written.Close()
	for _, c := range []struct{ args, want []string }{
		{[]string{"history", "show", ""}, []string{one.ID + "\tfrontend prod aaaaaaaaaaaa succeeded", ":36"}},
		{[]string{"history", "show", one.ID, ""}, []string{":4"}},
		{[]string{"logs", "--run", ""}, []string{run.Run + "\tfrontend prod aaaaaaaaaaaa failed", ":36"}},
		{[]string{"host", "bootstrap", ""}, []string{"D601", "D602", ":4"}},
		{[]string{"host", "bootstrap", "D601", ""}, []string{":4"}},
		{[]string{"host", "bootstrap", "D601", "--role", ""}, []string{"read", "operate", "admin", ":4"}},
	} {
		if diff := cmp.Diff(c.want, completed(t, dir, c.args...)); diff != "" {
			t.Errorf("%v: %s", c.args, diff)
		}
	}
}

func TestAShellIsNotKeptWaitingForAHost(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{
		"nobody there":     configured(t, "socket: /nonexistent/agent.sock"),
		"no answer":        configured(t, "ssh: {destination: nowhere, configFile: "+hangingSSH(t)+"}"),
		"no configuration": t.TempDir(),
	} {
		if got := completed(t, dir, "deploy", "apply", "--service", "frontend", "--commit", ""); len(got) != 1 {
			t.Errorf("%s: %q", name, got)
		}
	}
}
