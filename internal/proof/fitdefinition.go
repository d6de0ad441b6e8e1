package proof

import (
	"fmt"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Defined checks that the project, as it is defined now, lets a recreate succeed. It warns
// of what a deploy brings live beside the commit.
func Defined(spec workload.Spec, seen workload.Observation) (checks []Check) {
	d, in := seen.Drift, seen.Current()
	if d == nil || in == nil {
		return nil
	}
	tell := func(name, detail, fix string) {
		c := warn(name, detail, fix)
		c.Lasting = true
		checks = append(checks, c)
	}
	if d.Unknown != "" {
		tell("compose definition", "could not be compared with what runs: "+d.Unknown, "")
	}
	if d.Changed {
		tell("compose definition", "is not what container "+in.Name+" was made from: the Compose files, or values that they take, were edited since, and a deploy brings that live with the commit",
			"look at what was edited (`docker compose config` prints what it is now); if it is not meant to go live, put it back")
	}
	for _, n := range d.Networks {
		name := "compose network " + n.Name
		if len(n.Users) == 0 {
			tell(name, "is defined in another way than it was made: a deploy makes it anew", "put its definition back, if that is not meant")
			continue
		}
		others := strings.Join(n.Users, ", ")
		checks = append(checks, unfit(name, false,
			fmt.Sprintf("is defined in another way than it was made: Compose would remove it, and cannot as long as %s is on it; the service would be down", others),
			fmt.Sprintf("put the network's definition back, or stop what is on it, run Compose for the whole project %s, and deploy then", spec.Ref.Scope())))
	}
	if len(d.Volumes) > 0 {
		tell("compose volumes", strings.Join(d.Volumes, ", ")+": defined in another way than made, and left as made", "")
	}
	return checks
}

// Lasting returns the warnings that count for a run's result, too, as sentences.
func Lasting(checks []Check) (list []string) {
	for _, c := range checks {
		if c.OK && c.Warning && c.Lasting {
			text := c.Name + " " + c.Detail
			if c.Fix != "" {
				text += "; " + c.Fix
			}
			list = append(list, text)
		}
	}
	return list
}
