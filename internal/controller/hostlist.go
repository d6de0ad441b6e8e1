package controller

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// answerTime is what a host that is connected to gets to describe itself.
const answerTime = 3 * time.Second

// hostRow is a host of the list.
type hostRow struct {
	Name      string `json:"name"`
	Transport string `json:"transport"`
	Reachable bool   `json:"reachable"`
	// Agent is what the agent says, nil where none answers.
	Agent *rpc.Description `json:"agent,omitempty"`
	// SkewSeconds is how far the host's clock is ahead of ours. It is known to
	// within half a round trip.
	SkewSeconds      float64      `json:"clockSkewSeconds"`
	RoundTripSeconds float64      `json:"roundTripSeconds"`
	Reason           fault.Reason `json:"reason,omitempty"`
	Message          string       `json:"message,omitempty"`
	Hint             string       `json:"hint,omitempty"`
}

func (a *app) hostList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Ask every host's agent at the same time what it is and can do", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := LoadConfig(a.configDir)
			if err != nil {
				return err
			}
			list := a.askAll(cmd.Context(), c)
			a.partly(cmd.Context(), slices.ContainsFunc(list, func(row hostRow) bool { return !row.Reachable }))
			if a.format == "json" {
				return a.json(list)
			}
			return a.printHosts(list)
		},
	}
}

func (a *app) askAll(ctx context.Context, c Config) []hostRow {
	names := sortedKeys(c.Hosts)
	list := make([]hostRow, len(names))
	var asking sync.WaitGroup
	for i, name := range names {
		asking.Go(func() { list[i] = a.askHost(ctx, name, c.Hosts[name]) })
	}
	asking.Wait()
	return list
}

func (a *app) askHost(ctx context.Context, name string, host tunnel.Config) hostRow {
	row := hostRow{Name: name, Transport: transport(host)}
	ctx, cancel := context.WithTimeoutCause(ctx, host.Patience()+answerTime,
		fault.Transient(fault.HostUnreachable, "no answer within %s", host.Patience()+answerTime))
	defer cancel()
	d, sent, took, err := a.describe(ctx, host)
	if err != nil {
		why := remedy.Report(err)
		row.Reason, row.Message, row.Hint = why.Reason, why.Message, why.Hint
		return row
	}
	row.Reachable, row.Agent = true, &d
	row.SkewSeconds = milliseconds(d.Time.Sub(sent.Add(took / 2)))
	row.RoundTripSeconds = milliseconds(took)
	return row
}

// describe asks one agent, and measures the question alone: without the time that
// the connection took.
func (a *app) describe(ctx context.Context, host tunnel.Config) (d rpc.Description, sent time.Time, took time.Duration, err error) {
	far := &remote{config: host, version: a.version}
	defer func() { _ = far.Close() }()
	client, err := far.connect(ctx)
	if err != nil {
		return d, sent, 0, err
	}
	sent = time.Now()
	d, err = client.Describe(ctx)
	return d, sent, time.Since(sent), err
}

func milliseconds(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }

// clock says no more than was measured.
func (r hostRow) clock() string {
	if within := r.RoundTripSeconds / 2; math.Abs(r.SkewSeconds) <= within+0.001 {
		return fmt.Sprintf("ours, within %.3f s", within)
	}
	return fmt.Sprintf("%+.3f s", r.SkewSeconds)
}

// orNotTold stands for what an agent did not say: that says nothing of its host.
func orNotTold(s string) string { return cmp.Or(s, "not told") }

// printHosts writes a block for each host: what an agent can do and how much room
// its disks have would make a line of a table too wide for a terminal.
func (a *app) printHosts(list []hostRow) error {
	p := &printer{out: a.Out}
	for _, row := range list {
		p.line("%s %s  %s", mark(row.Reachable), row.Name, row.Transport)
		if !row.Reachable {
			p.field("because", "%s (%s)", row.Message, row.Reason)
			if row.Hint != "" {
				p.field("to mend", "%s", row.Hint)
			}
			continue
		}
		d := row.Agent
		engine := ""
		if d.Engine != nil {
			engine = d.Engine.Version
		}
		var can, disks []string
		for _, one := range d.Capabilities {
			can = append(can, strings.ToLower(string(one)))
		}
		for _, disk := range d.Disks {
			disks = append(disks, strings.ToLower(string(disk.Purpose))+" "+size(int64(disk.Free)))
		}
		p.field("agent", "%s, role %s", d.AgentVersion, cmp.Or(string(d.CallerRole), "none"))
		p.field("can", "%s", cmp.Or(strings.Join(can, ", "), "none"))
		p.field("engine", "%s, Compose %s", orNotTold(engine), orNotTold(d.ComposeVersion))
		p.field("free", "%s", orNotTold(strings.Join(disks, ", ")))
		p.field("clock", "%s", row.clock())
	}
	return p.err
}
