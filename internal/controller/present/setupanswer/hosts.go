package setupanswer

import (
	"cmp"
	"io"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/doctor"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Hosts answers with what each host's agent reported.
func Hosts(list []site.HostRow) present.Answer {
	silent := slices.ContainsFunc(list, func(row site.HostRow) bool { return !row.Reachable })
	return present.NewList(list, silent, printHosts)
}

// printHosts writes a block for each host: what an agent can do and how much room
// its disks have would make a line of a table too wide for a terminal.
func printHosts(out io.Writer, list []site.HostRow) error {
	p := terminal.NewPrinter(out)
	for _, row := range list {
		p.Line("%s %s  %s", terminal.Mark(row.Reachable), row.Name, row.Transport)
		if !row.Reachable {
			p.Field("because", "%s (%s)", row.Message, row.Reason)
			if row.Hint != "" {
				p.Typed("fix", row.Hint)
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
			disks = append(disks, strings.ToLower(string(disk.Purpose))+" "+plain.Size(int64(disk.Free)))
		}
		p.Field("agent", "%s, role %s", d.AgentVersion, cmp.Or(string(d.CallerRole), "none"))
		p.Field("can", "%s", cmp.Or(strings.Join(can, ", "), "none"))
		p.Field("engine", "%s, Compose %s", doctor.OrNotTold(engine), doctor.OrNotTold(d.ComposeVersion))
		if c := d.Cluster; c != nil {
			p.Field("cluster", "%s, %s", doctor.OrNotTold(c.Version), doctor.OrNotTold(c.Runtime))
			if c.Trouble != "" {
				p.Field("because", "%s", c.Trouble)
			}
		}
		p.Field("free", "%s", doctor.OrNotTold(strings.Join(disks, ", ")))
		p.Field("clock", "%s", row.Clock())
	}
	return p.Err
}
