package present

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// narrow is the usual view, at a moment that is fixed.
func narrow(out io.Writer) view { return view{out: out, now: now} }

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
	dir := t.TempDir() // which has no services.yaml
	for _, name := range []string{"baidu-netdisk", "frontend", "oa-event-flow", "project-manager", "todo-note"} {
		five = append(five, must(site.RowsOf(dir, name))...)
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

func serviceID(s string) artifact.ServiceID { return must(artifact.ParseServiceID(s)) }

func receiptOf(service string, env artifact.Env, digit string, outcome ledger.Outcome) ledger.Receipt {
	return ledger.Receipt{ID: digit, Service: serviceID(service), Env: env, Commit: commitOf(digit), Outcome: outcome, Finished: now}
}
