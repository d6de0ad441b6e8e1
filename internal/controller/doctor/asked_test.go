package doctor

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// seen is a host that observes the same of any workload.
type seen struct {
	workload.Target
	o workload.Observation
}

func (s seen) Observe(context.Context, workload.Ref, bool) (workload.Observation, error) {
	return s.o, nil
}

// answerOf is what comes of a host's answer for a service.
func answerOf(t *testing.T, row placedRow, o workload.Observation) serviceFacts {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s, w := grpc.NewServer(rpc.ServerOptions()...), rpc.NewWorkloads(seen{o: o}, slog.New(slog.DiscardHandler))
	w.Register(s)
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() {
		s.Stop()
		serving.Wait()
		w.Close()
	})
	c := site.Config{State: t.TempDir(), Hosts: map[string]tunnel.Config{"D601": {Socket: socket}}}
	c.Master.Project = "unidesk"
	return Examiner{Version: "test"}.lookAtServices(t.Context(), c, "D601", []placedRow{row})[0]
}

// What an agent answers for a service comes to the facts that are judged.
func TestWhatAHostAnswersForAServiceIsJudged(t *testing.T) {
	t.Parallel()
	rows := rowsOn("D601", site.RowsIn(must(catalog.Builtin())))
	row := rows[slices.IndexFunc(rows, func(r placedRow) bool { return r.runtime() == workload.Compose && r.env == artifact.Prod })]
	placed := row.Spec(row.env, "unidesk")
	placed.Probe.Port++
	o := workload.Observation{
		At: time.Now(), Platform: artifact.Platform{OS: "linux", Architecture: "amd64"}, Placement: placed,
		Units: []workload.Unit{{Name: placed.Ref.Name(), Compose: &workload.ComposeDefinition{UnreadFiles: []string{"/srv/docker-compose.override.yml"}}}},
	}
	if f := answerOf(t, row, o); f.err != nil || !slices.Equal(f.unread, []string{"/srv/docker-compose.override.yml"}) || len(f.differences) != 1 {
		t.Errorf("%+v", f)
	}
	o.Units, o.Unread = nil, fault.New(fault.EnvFileInvalid, "line 2")
	if f := answerOf(t, row, o); fault.ReasonOf(f.err) != fault.EnvFileInvalid {
		t.Errorf("a definition that cannot be read: %+v", f)
	}
}
