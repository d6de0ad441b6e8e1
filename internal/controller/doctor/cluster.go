package doctor

import (
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// littleTime is what is left of a token that its agent should have renewed long ago:
// the agent renews a token after half of a day.
const littleTime = 6 * time.Hour

// judgeCluster returns what the agent's facts of its host's cluster mean, none if it
// has no cluster. Times are by the host's clock, which is the API server's, too.
func judgeCluster(name string, way tunnel.Config, d rpc.Description) []Finding {
	c := d.Cluster
	if c == nil {
		return nil
	}
	list := []Finding{judgeServer(*c, d.Time), judgeRuntime(*c)}
	list = append(list, judgeToken(*c, d.Time)...)
	if c.Version != "" {
		list = append(list, judgeRights(site.RightsLine(name, way), *c))
	}
	if len(c.Mirrors) > 0 {
		list = append(list, fine("cluster's mirrors", "before the host's registry the runtime asks %s", strings.Join(c.Mirrors, ", ")))
	}
	return append(list, judgeImagesDisk(d.Disks)...)
}

func judgeServer(c rpc.Cluster, now time.Time) Finding {
	const check = "cluster"
	fix := "on the host: systemctl status k3s"
	switch {
	case c.Version != "":
		return fine(check, "%s, as %s", c.Version, OrNotTold(c.Account))
	case tokenOver(c, now):
		fix = site.TokenLine()
	case c.TokenExpires.IsZero():
		fix += "\nif the agent has no token yet, " + site.TokenLine() +
			"\nif no cluster is there, take the section kubernetes out of /etc/unidesk/agent.yaml; then, as root there: systemctl restart unidesk-agent"
	}
	return amiss(LevelFault, check, fix, "the API server does not answer the agent: %s", OrNotTold(c.Trouble))
}

func judgeRuntime(c rpc.Cluster) Finding {
	const check = "cluster's runtime"
	switch {
	case c.Runtime != "":
		return fine(check, "%s", c.Runtime)
	case c.Version == "": // what trouble there is may be the API server's
		return amiss(LevelFault, check, "on the host: systemctl status k3s", "it does not answer the agent")
	}
	return amiss(LevelFault, check, "on the host: `systemctl status k3s`; agent.yaml names its socket (kubernetes.containerd)",
		"it does not answer the agent: %s", OrNotTold(c.Trouble))
}

func tokenOver(c rpc.Cluster, now time.Time) bool {
	return !c.TokenExpires.IsZero() && !c.TokenExpires.After(now)
}

// judgeToken is about a token that ends; an account may have none.
func judgeToken(c rpc.Cluster, now time.Time) []Finding {
	const check = "cluster's token"
	left := c.TokenExpires.Sub(now)
	ends := plain.Stamp(c.TokenExpires)
	switch {
	case c.TokenExpires.IsZero():
		return nil
	case tokenOver(c, now):
		return []Finding{amiss(LevelFault, check, site.TokenLine(), "it ended at %s", ends)}
	case left < littleTime:
		return []Finding{amiss(LevelWarning, check, "on the host: journalctl -u unidesk-agent says why it is not renewed\n"+site.TokenLine(),
			"it ends at %s, and the agent has not renewed it", ends)}
	}
	return []Finding{fine(check, "until %s; the agent renews it", ends)}
}

// judgeRights weighs rights that are missing above those that are too many: without
// the first no deploy works.
func judgeRights(fix string, c rpc.Cluster) Finding {
	const check = "cluster's rights"
	all := rights.Right{Verb: "*", Group: "*", Resource: "*"}.String()
	switch {
	case len(c.Missing) > 0:
		return amiss(LevelFault, check, fix, "the account lacks %s", strings.Join(c.Missing, "; "))
	case slices.ContainsFunc(c.Excess, func(r string) bool { return strings.HasPrefix(r, all) }):
		return amiss(LevelFault, check, fix+"\n"+site.TokenLine()+"\nthen leave kubeconfig out of agent.yaml, or say allowAdmin: true there",
			"%s may do everything in the cluster, and the agent switches nothing there unless its agent.yaml has allowAdmin: true", OrNotTold(c.Account))
	case len(c.Excess) > 0:
		return amiss(LevelWarning, check, "take them from the account: `kubectl get rolebindings,clusterrolebindings -A -o wide` shows what gives them",
			"the account may do more than deploys need: %s", strings.Join(c.Excess, "; "))
	case c.Account == "":
		return amiss(LevelFault, check, "on the host: systemctl status k3s", "the API server does not say what the account may do: %s", OrNotTold(c.Trouble))
	}
	return fine(check, "what deploys need, and no more")
}

// judgeImagesDisk judges the disk of the cluster's images. disks is empty if the agent
// did not report it.
func judgeImagesDisk(disks []rpc.Disk) []Finding {
	const check, fix = "cluster's disk", "on the host: k3s crictl images lists images, k3s crictl rmi IMAGE removes an image that no pod uses"
	i := slices.IndexFunc(disks, func(one rpc.Disk) bool { return one.Purpose == rpc.DiskClusterImages })
	if i < 0 {
		return nil
	}
	free := int64(disks[i].Free)
	switch {
	case free < least:
		return []Finding{amiss(LevelFault, check, fix, "%s free for images: no image of any size fits", plain.Size(free))}
	case free < ample:
		return []Finding{amiss(LevelWarning, check, fix, "%s free for images: a large image may not fit", plain.Size(free))}
	}
	return []Finding{fine(check, "%s free for images", plain.Size(free))}
}
