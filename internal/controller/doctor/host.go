package doctor

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// echoWait is how long a few bytes may take to come back; slowEcho is when that is
// worth a word.
const (
	echoWait = 5 * time.Second
	slowEcho = time.Second
)

// mostSkew is how far apart clocks may be: receipts and grants carry times.
const mostSkew = 5.0

// hostFacts are the facts of a host.
type hostFacts struct {
	row site.HostRow
	// way is how the host is reached.
	way tunnel.Config
	// version is this controller's.
	version string
	// services are the Compose services that the catalog brings live there, clustered
	// those in the host's cluster. seen is what the agent answered about each that it
	// can switch.
	services, clustered []string
	seen                []serviceFacts
	// dialed means that the path there could be tried: an agent greeted.
	dialed  bool
	echoed  rpc.Echoed
	echoErr error
	// registry is nil for a host that does not hold it.
	registry *registryFacts
}

// registryFacts are of the registry on its host.
type registryFacts struct {
	// asked is what its list of some repository came to.
	asked  error
	report registry.Report
}

// examineHosts looks at all hosts at the same time.
func (e Examiner) examineHosts(ctx context.Context, c site.Config, services *catalog.Catalog) (all []Finding) {
	names := slices.Sorted(maps.Keys(c.Hosts))
	lists := make([][]Finding, len(names))
	var looking sync.WaitGroup
	for i, name := range names {
		looking.Go(func() {
			f := e.lookAtHost(ctx, c, name, site.RowsIn(services))
			lists[i] = inGroup("host "+name, append(judgeHost(f), judgeRegistryName(f, c, services)...)...)
		})
	}
	looking.Wait()
	return slices.Concat(lists...)
}

func (e Examiner) lookAtHost(ctx context.Context, c site.Config, name string, rows []catalog.Row) hostFacts {
	host := c.Hosts[name]
	f := hostFacts{version: e.Version, way: host}
	var wanted []placedRow
	if name != catalog.Master {
		wanted = rowsOn(name, rows)
	}
	f.services, f.clustered = namesOf(wanted, workload.Compose), namesOf(wanted, workload.Kubernetes)
	ctx, cancel := context.WithTimeout(ctx, host.Patience()+time.Minute)
	defer cancel()
	// The path has its own test: a path that holds bytes back keeps an agent from
	// describing itself.
	var both sync.WaitGroup
	both.Go(func() { f.dialed, f.echoed, f.echoErr = echoOver(ctx, host) })
	both.Go(func() {
		f.row = site.AskHost(ctx, e.Version, name, host)
		if f.row.Reachable && name == c.RegistryHost {
			f.registry = e.lookAtRegistry(ctx, c, rows)
		}
		if f.row.Reachable {
			f.seen = e.lookAtServices(ctx, c, name, answerable(wanted, *f.row.Agent))
		}
	})
	both.Wait()
	return f
}

// echoOver tries the path to a host on a connection of its own.
func echoOver(ctx context.Context, host tunnel.Config) (dialed bool, e rpc.Echoed, err error) {
	conn, err := tunnel.Dial(ctx, host)
	if err != nil {
		return false, e, err
	}
	defer func() { _ = conn.Close() }()
	e, err = rpc.Echo(ctx, conn, echoWait)
	return true, e, err
}

func (e Examiner) lookAtRegistry(ctx context.Context, c site.Config, rows []catalog.Row) *registryFacts {
	far := site.NewRemote(c.RegistryHost, c.Hosts[c.RegistryHost], e.Version)
	defer func() { _ = far.Close() }()
	var f registryFacts
	if facts, err := far.InspectRegistry(ctx, c.Registry); err != nil {
		f.report = site.Unread(ctx, c, nil, err)
	} else {
		f.report = registry.Judge(c.Registry, facts)
	}
	if len(rows) > 0 {
		client, err := far.Connect(ctx)
		if err == nil {
			_, _, err = client.List(ctx, rows[0].Repository, 1, "")
		}
		if fault.ReasonOf(err) != fault.ArtifactNotFound { // "not found" is an answer
			f.asked = err
		}
	}
	return &f
}
