package controller

import (
	"context"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
)

var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// commitOf is forty times the digit.
func commitOf(digit string) artifact.Commit {
	return must(artifact.ParseCommit(strings.Repeat(digit, 40)))
}

func tag(name string, size int64, age time.Duration) rpc.Tag {
	t := rpc.Tag{Name: name, Digest: artifact.DigestOf([]byte(name)), Size: size}
	if age > 0 {
		t.Created = now.Add(-age)
	}
	return t
}

const day = 24 * time.Hour

// held is a registry by repository; what is not there does not exist.
type held map[string][]rpc.Tag

func (h held) Tags(_ context.Context, repo artifact.Repository) ([]rpc.Tag, error) {
	tags, ok := h[repo.String()]
	if !ok {
		return nil, fault.New(fault.ArtifactNotFound, "no such repository")
	}
	if tags == nil {
		return nil, fault.Transient(fault.RegistryUnavailable, "registry does not answer").WithHint("look at it")
	}
	return tags, nil
}

// builtin are five rows of the built-in catalog.
func builtin(t *testing.T) (five []catalog.Row) {
	t.Helper()
	a := &app{configDir: t.TempDir()}
	for _, name := range []string{"baidu-netdisk", "frontend", "oa-event-flow", "project-manager", "todo-note"} {
		five = append(five, must(a.rowsOf(name))...)
	}
	return five
}

var registryOf = held{
	"unidesk/frontend": {
		tag(strings.Repeat("a", 40), 12_345_678, 3*day), tag(strings.Repeat("b", 40), 0, 0), tag(strings.Repeat("c", 40), 1000, 2*time.Hour),
		tag("latest", 1, time.Hour), tag("v1.2", 1, time.Hour), tag("0123456789ab", 1, time.Hour),
	},
	"unidesk/todo-note":     {tag(strings.Repeat("d", 40), 999, 30*time.Minute)},
	"unidesk/oa-event-flow": nil, // does not answer
}

func TestWhatIsHeldIsListedNewestFirstAndOnlyCommitsCount(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := printShelves(&out, shelves(t.Context(), registryOf, builtin(t)), now); err != nil {
		t.Fatal(err)
	}
	digest := func(name string) string { return artifact.DigestOf([]byte(name)).Hex()[:12] }
	c, a, b, d := strings.Repeat("c", 40), strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("d", 40)
	want := "SERVICE    COMMIT                                    DIGEST        SIZE     AGE\n" +
		"frontend   " + c + "  " + digest(c) + "  1.0 kB   2 h\n" +
		"frontend   " + a + "  " + digest(a) + "  12.3 MB  3 d\n" +
		"frontend   " + b + "  " + digest(b) + "  -        -\n" +
		"todo-note  " + d + "  " + digest(d) + "  999 B    30 min\n" +
		"frontend has 3 tags that are no full commit and are never deployed: latest, v1.2, 0123456789ab\n" +
		"nothing is published of baidu-netdisk, project-manager\n" +
		"not known: what the registry holds of oa-event-flow (REGISTRY_UNAVAILABLE)\n  registry does not answer\n" +
		"  look at it\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestOneCauseIsToldOnce(t *testing.T) {
	t.Parallel()
	got := failures(shelves(t.Context(), unreachable{fault.New(fault.HostUnreachable, "no route")}, builtin(t)))
	want := []unasked{{
		What:   "what the registry holds",
		Report: fault.Report{Reason: fault.HostUnreachable, Message: "no route"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// slow answers when four ask.
type slow struct {
	asking atomic.Int64
	met    chan struct{}
}

func (s *slow) Tags(ctx context.Context, _ artifact.Repository) ([]rpc.Tag, error) {
	if s.asking.Add(1) == 4 {
		close(s.met)
	}
	select {
	case <-s.met:
		return nil, nil
	case <-time.After(10 * time.Second):
		return nil, fault.New(fault.Stalled, "nobody else asks")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestServicesAreAskedForAtTheSameTime(t *testing.T) {
	t.Parallel()
	if got := failures(shelves(t.Context(), &slow{met: make(chan struct{})}, builtin(t))); got != nil {
		t.Error(got)
	}
}

func TestAnAgeIsForPeople(t *testing.T) {
	t.Parallel()
	for age, want := range map[time.Duration]string{
		-time.Hour: "now", 0: "now", 59 * time.Second: "now", time.Minute: "1 min", 59 * time.Minute: "59 min",
		time.Hour: "1 h", 47 * time.Hour: "47 h", 48 * time.Hour: "2 d", 900 * day: "900 d",
	} {
		if got := builtAgo(now, now.Add(-age)); got != want {
			t.Errorf("%v is %q, want %q", age, got, want)
		}
	}
	if got := builtAgo(now, time.Time{}); got != "-" {
		t.Errorf("an unknown age is %q", got)
	}
}

func serviceID(s string) artifact.ServiceID { return must(artifact.ParseServiceID(s)) }

func receiptOf(service string, env catalog.Env, digit string, outcome ledger.Outcome) ledger.Receipt {
	return ledger.Receipt{ID: digit, Service: serviceID(service), Env: string(env), Commit: commitOf(digit), Outcome: outcome, Finished: now}
}

func joined(t *testing.T) threeWay {
	t.Helper()
	entries := []unidesk.Declared{
		{Service: serviceID("frontend"), Kind: "source-build"},
		{Service: serviceID("todo-note")},
		{Service: serviceID("baidu-netdisk"), Kind: "upstream-image", Upstream: "x:1"},
		{Service: serviceID("postgres"), Kind: "upstream-image", Upstream: "postgres:16", Digest: artifact.DigestOf(nil)},
	}
	services := builtin(t)
	return threeWay{HasCI: true, Services: cover(entries, services, shelves(t.Context(), registryOf, services), []ledger.Receipt{
		receiptOf("frontend", catalog.Prod, "e", ledger.Reverted),
		receiptOf("frontend", catalog.Prod, "a", ledger.Succeeded),
		receiptOf("frontend", catalog.Prod, "c", ledger.Succeeded),
		receiptOf("todo-note", catalog.Prod, "1", ledger.Succeeded),
		receiptOf("frontend", catalog.Dev, "b", ledger.Degraded),
		receiptOf("oa-event-flow", catalog.Prod, "2", ledger.Succeeded),
		receiptOf("gone", catalog.Dev, "3", ledger.Succeeded),
	})}
}

func TestTheThreeAreShownSideBySide(t *testing.T) {
	t.Parallel()
	ccc, aaa := strings.Repeat("c", 12), strings.Repeat("a", 12)
	want := [][]string{
		{"baidu-netdisk", "coverage only", "none", "-", "-", ""},
		{"frontend", "source-build", "3, newest " + ccc + " (2 h)", aaa, "-", ""},
		{"gone", "-", "-", "-", strings.Repeat("3", 12), "not in services.yaml"},
		{"oa-event-flow", "-", "?", strings.Repeat("2", 12), "-", ""},
		{"postgres", "coverage only", "-", "-", "-", "not in services.yaml"},
		{"project-manager", "-", "none", "-", "-", ""},
		{"todo-note", "yes", "1, newest " + strings.Repeat("d", 12) + " (30 min)", strings.Repeat("1", 12), "-", "prod's commit is not in the registry"},
	}
	if diff := cmp.Diff(want, joined(t).lines(now)); diff != "" {
		t.Error(diff)
	}
}

func TestAColumnThatIsNotKnownSaysSo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*threeWay)
		want  []string
	}{
		"no CI.json":          {func(w *threeWay) { w.HasCI = false }, []string{"no CI.json", "aaaaaaaaaaaa"}},
		"an unread CI.json":   {func(w *threeWay) { w.noCI = true }, []string{"?", "aaaaaaaaaaaa"}},
		"an unread ledger":    {func(w *threeWay) { w.noLedger = true }, []string{"source-build", "?"}},
		"nothing of all that": {func(*threeWay) {}, []string{"source-build", "aaaaaaaaaaaa"}},
	} {
		w := joined(t)
		c.spoil(&w)
		line := w.lines(now)[1]
		if diff := cmp.Diff(c.want, []string{line[1], line[3]}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Requirements 9, 12 and 13: whatever CI.json says, it takes the registry's manifest
// and a reviewed consumer.
func TestADeclarationMakesNothingDeployable(t *testing.T) {
	t.Parallel()
	services := builtin(t)
	none := shelves(t.Context(), held{}, services)
	for _, kind := range []string{"upstream-image", "source-build", ""} {
		var entries []unidesk.Declared
		for _, row := range services {
			entries = append(entries, unidesk.Declared{Service: row.Service, Kind: kind, Digest: artifact.DigestOf(nil)})
		}
		entries = append(entries, unidesk.Declared{Service: serviceID("postgres"), Kind: kind})
		for _, c := range cover(entries, services, none, nil) {
			if len(c.Deployable) > 0 {
				t.Errorf("%s is deployable to %v because it is declared as %q", c.Service, c.Deployable, kind)
			}
		}
	}
	for _, entries := range [][]unidesk.Declared{nil, {{Service: serviceID("frontend"), Kind: "upstream-image"}}} {
		for _, c := range cover(entries, services, shelves(t.Context(), registryOf, services), nil) {
			want := []catalog.Env{}
			if c.Service == "frontend" || c.Service == "todo-note" {
				want = append(want, catalog.Prod) // dev is not live for any of them
			}
			if !slices.Equal(c.Deployable, want) {
				t.Errorf("%s, declared %v: deployable to %v, want %v", c.Service, c.Declared, c.Deployable, want)
			}
		}
	}
}

func TestThePageNamesEveryKeyOfTheRegistry(t *testing.T) {
	t.Parallel()
	page := string(must(os.ReadFile("../../docs/output.md")))
	for _, v := range []any{shelf{}, published{}, unasked{}, threeWay{}, coverage{}, declaration{}, provenLive{}} {
		for f := range reflect.TypeOf(v).Fields() {
			if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.IsExported() && !f.Anonymous && !strings.Contains(page, "`"+key+"`") {
				t.Errorf("docs/output.md does not name %q of %T", key, v)
			}
		}
	}
}

func TestHalfAnAnswerIsNoSuccess(t *testing.T) {
	t.Parallel()
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, c := range []struct {
		ctx     context.Context //nolint:containedctx // the table's input
		missing bool
		want    int
	}{{t.Context(), false, ExitOK}, {t.Context(), true, ExitFailed}, {stopped, true, ExitInterrupted}} {
		a := &app{}
		if a.partly(c.ctx, c.missing); a.code != c.want {
			t.Errorf("missing %t: exit code %d, want %d", c.missing, a.code, c.want)
		}
	}
}
