package site

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// answerTime is what a host that is connected to gets to describe itself.
const answerTime = 3 * time.Second

// HostRow is a host of the list.
type HostRow struct {
	Name      string `json:"name"`
	Transport string `json:"transport"`
	Reachable bool   `json:"reachable"`
	// Agent is what the agent reports, nil if no agent answers.
	Agent *rpc.Description `json:"agent,omitempty"`
	// SkewSeconds is how far the host's clock is ahead of ours. It is known to
	// within half a round trip.
	SkewSeconds      float64      `json:"clockSkewSeconds"`
	RoundTripSeconds float64      `json:"roundTripSeconds"`
	Reason           fault.Reason `json:"reason,omitempty"`
	Message          string       `json:"message,omitempty"`
	Hint             string       `json:"hint,omitempty"`
	// From is the host, if its own words are in Message and Hint.
	From string `json:"from,omitempty"`
	// Err is why the host is not reachable, nil if it is.
	Err error `json:"-"`
}

// AskAll asks all hosts at the same time.
func AskAll(ctx context.Context, version string, c Config) []HostRow {
	all := newHosts(c, version)
	defer func() { _ = all.Close() }()
	return all.ask(ctx)
}

// AskAll asks all hosts at the same time, over the connections of this command.
func (w *Wired) AskAll(ctx context.Context) []HostRow { return w.hosts.ask(ctx) }

func (h hosts) ask(ctx context.Context) []HostRow {
	names := slices.Sorted(maps.Keys(h))
	list := make([]HostRow, len(names))
	var asking sync.WaitGroup
	for i, name := range names {
		asking.Go(func() { list[i] = h[name].row(ctx) })
	}
	asking.Wait()
	return list
}

// AskHost asks one host's agent what it is. A host that does not answer in time has
// its row, too, with the reason.
func AskHost(ctx context.Context, version, name string, host tunnel.Config) HostRow {
	far := NewRemote(name, host, version)
	defer func() { _ = far.Close() }()
	return far.row(ctx)
}

func (r *Remote) row(ctx context.Context) HostRow {
	row := HostRow{Name: r.name, Transport: transport(r.config)}
	patience := r.config.Patience() + answerTime
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fault.Transient(fault.HostUnreachable, "no answer within %s", patience))
	defer cancel()
	d, sent, took, err := r.describe(ctx)
	if err != nil {
		why := remedy.Report(err)
		row.Reason, row.Message, row.Hint, row.From, row.Err = why.Reason, why.Message, why.Hint, why.From, err
		return row
	}
	row.Reachable, row.Agent = true, &d
	row.SkewSeconds = milliseconds(d.Time.Sub(sent.Add(took / 2)))
	row.RoundTripSeconds = milliseconds(took)
	return row
}

// Describe asks one agent, and measures the question alone: without the time that
// the connection took.
func Describe(ctx context.Context, version, name string, host tunnel.Config) (d rpc.Description, sent time.Time, took time.Duration, err error) {
	far := NewRemote(name, host, version)
	defer func() { _ = far.Close() }()
	return far.describe(ctx)
}

func (r *Remote) describe(ctx context.Context) (d rpc.Description, sent time.Time, took time.Duration, err error) {
	client, err := r.Connect(ctx)
	if err != nil {
		return d, sent, 0, err
	}
	sent = time.Now()
	d, err = client.Describe(ctx)
	return d, sent, time.Since(sent), err
}

func milliseconds(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }

// Clock reports no more than was measured.
func (r HostRow) Clock() string {
	if within := r.RoundTripSeconds / 2; math.Abs(r.SkewSeconds) <= within+0.001 {
		return fmt.Sprintf("ours, within %.3f s", within)
	}
	return fmt.Sprintf("%+.3f s", r.SkewSeconds)
}

// HostNamed is a host of controller.yaml.
func (c Config) HostNamed(name string) (tunnel.Config, error) {
	host, known := c.Hosts[name]
	if !known {
		names := slices.Sorted(maps.Keys(c.Hosts))
		unknown := fault.New(fault.Usage, "%q is not among the hosts of controller.yaml: %s", name, strings.Join(names, ", "))
		if near := plain.Near(name, names); len(near) > 0 {
			return host, unknown.WithHint("did you mean %s?", strings.Join(near, " or "))
		}
		return host, unknown
	}
	return host, nil
}

// transport names the way to a host: its kind, and where it leads.
func transport(c tunnel.Config) string {
	switch {
	case c.SSH != nil:
		return "ssh " + c.SSH.Destination
	case c.Socket != "":
		return "socket " + c.Socket
	default:
		return fmt.Sprintf("command %s", c.Name())
	}
}
