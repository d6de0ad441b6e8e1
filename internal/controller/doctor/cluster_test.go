package doctor

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// clusterOf is a host whose cluster is well but for what change makes of it.
func clusterOf(change func(*rpc.Description)) rpc.Description {
	d := rpc.Description{
		AgentVersion: "1", CallerRole: rpc.RoleOperate, Capabilities: []rpc.Capability{rpc.CapabilityWorkloadKubernetes}, Time: now,
		Disks: []rpc.Disk{{Purpose: rpc.DiskState, Free: 1}, {Purpose: rpc.DiskClusterImages, Free: 9 << 30}},
		Cluster: &rpc.Cluster{
			Version: "v1.33.1+k3s1", Runtime: "containerd 2.0.5", Account: "system:serviceaccount:unidesk-system:unidesk-agent", TokenExpires: now.Add(20 * time.Hour),
		},
	}
	change(&d)
	return d
}

func TestAClusterIsJudgedByWhatADeployNeedsOfIt(t *testing.T) {
	t.Parallel()
	way := tunnel.Config{SSH: &tunnel.SSH{Destination: "D601"}}
	rightsLine := "unidesk-controller host placement D601 --rbac | ssh D601 sudo kubectl apply -f -"
	for name, c := range map[string]struct {
		change func(*rpc.Description)
		want   map[string]Level
		// says is a part of the text of check's finding, fix a part of its fix.
		check, says, fix string
	}{
		"all is well": {func(*rpc.Description) {}, map[string]Level{}, "cluster", "v1.33.1+k3s1, as system:serviceaccount:unidesk-system:unidesk-agent", ""},
		"the API server is down": {
			func(d *rpc.Description) {
				d.Cluster = &rpc.Cluster{Runtime: "containerd 2.0.5", Trouble: "connection refused", TokenExpires: now.Add(time.Hour * 20)}
			},
			map[string]Level{"cluster": LevelFault},
			"cluster", "connection refused", "on the host: systemctl status k3s",
		},
		"k3s is down": {
			func(d *rpc.Description) { d.Cluster = &rpc.Cluster{Trouble: "connection refused"} },
			map[string]Level{"cluster": LevelFault, "cluster's runtime": LevelFault},
			"cluster", "connection refused", "if the agent has no token yet, " + site.TokenLine() + "\nif no cluster is there, take the section kubernetes out of",
		},
		"the runtime is down": {
			func(d *rpc.Description) { d.Cluster.Runtime, d.Cluster.Trouble = "", "no such file" },
			map[string]Level{"cluster's runtime": LevelFault},
			"cluster's runtime", "no such file", "systemctl status k3s",
		},
		"a right is missing, and one is too much": {
			func(d *rpc.Description) {
				d.Cluster.Missing, d.Cluster.Excess = []string{"patch deployments.apps unidesk/wiki"}, []string{"list secrets in unidesk"}
			},
			map[string]Level{"cluster's rights": LevelFault},
			"cluster's rights", "lacks patch deployments.apps unidesk/wiki", rightsLine,
		},
		"a right is too much": {
			func(d *rpc.Description) { d.Cluster.Excess = []string{"list secrets in unidesk"} },
			map[string]Level{"cluster's rights": LevelWarning},
			"cluster's rights", "list secrets in unidesk", "rolebindings",
		},
		"an account that may do everything": {
			func(d *rpc.Description) { d.Cluster.Excess = []string{"* *.*", "list secrets"} },
			map[string]Level{"cluster's rights": LevelFault},
			"cluster's rights", "may do everything", rightsLine,
		},
		"an account that may do everything in a namespace": {
			func(d *rpc.Description) { d.Cluster.Excess = []string{"* *.* in unidesk"} },
			map[string]Level{"cluster's rights": LevelFault},
			"cluster's rights", "allowAdmin", rightsLine,
		},
		"rights that could not be asked": {
			func(d *rpc.Description) { d.Cluster.Account, d.Cluster.Trouble = "", "timeout" },
			map[string]Level{"cluster's rights": LevelFault},
			"cluster's rights", "timeout", "systemctl status k3s",
		},
		"a token that is renewed in time": {
			func(d *rpc.Description) { d.Cluster.TokenExpires = now.Add(littleTime) }, map[string]Level{}, "cluster's token", "until 2026-07-01 18:00:00Z", "",
		},
		"a token that ends soon": {
			func(d *rpc.Description) { d.Cluster.TokenExpires = now.Add(littleTime - time.Second) },
			map[string]Level{"cluster's token": LevelWarning},
			"cluster's token", "has not renewed", site.TokenLine(),
		},
		"a token that is over": {
			func(d *rpc.Description) {
				d.Cluster.Version, d.Cluster.Account, d.Cluster.Trouble, d.Cluster.TokenExpires = "", "", "not known", now
			},
			map[string]Level{"cluster": LevelFault, "cluster's token": LevelFault},
			"cluster", "not known", site.TokenLine(),
		},
		"an account without a token": {
			func(d *rpc.Description) { d.Cluster.TokenExpires = time.Time{} }, map[string]Level{}, "cluster", "v1.33.1", "",
		},
		"mirrors": {
			func(d *rpc.Description) { d.Cluster.Mirrors = []string{"http://a", "http://b"} },
			map[string]Level{},
			"cluster's mirrors", "before the host's registry the runtime asks http://a, http://b", "",
		},
		"little room": {
			func(d *rpc.Description) { d.Disks[1].Free = ample - 1 }, map[string]Level{"cluster's disk": LevelWarning}, "cluster's disk", "may not fit", "crictl",
		},
		"no room": {
			func(d *rpc.Description) { d.Disks[1].Free = least - 1 }, map[string]Level{"cluster's disk": LevelFault}, "cluster's disk", "no image", "crictl",
		},
	} {
		list := judgeCluster("D601", way, clusterOf(c.change))
		if d := cmp.Diff(c.want, levels(list)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		i := slices.IndexFunc(list, func(f Finding) bool { return f.Check == c.check })
		if i < 0 || !strings.Contains(list[i].What, c.says) || !strings.Contains(list[i].Fix, c.fix) || list[i].OK != (list[i].Fix == "") {
			t.Errorf("%s: %+v", name, list)
		}
	}
	if list := judgeCluster("D601", way, rpc.Description{}); list != nil {
		t.Errorf("of a host without a cluster: %+v", list)
	}
}

// The whole report on a host with both stands here once, in its order.
func TestAHostWithAClusterIsToldInFull(t *testing.T) {
	t.Parallel()
	d := clusterOf(func(d *rpc.Description) { d.Cluster.Mirrors = []string{"http://mirror"} })
	var got []string
	for _, f := range judgeHost(hostFacts{
		row: site.HostRow{Name: "D601", Transport: "ssh D601", Reachable: true, Agent: &d}, version: "1", clustered: []string{"code-queue"},
	}) {
		got = append(got, f.Check+": "+f.What)
	}
	want := []string{
		"agent: 1 answers over ssh D601",
		"path: 8-bit clean, 0 bytes came back unchanged; round trip 0s, slowest 0s",
		"role: operate", "clock: ours, within 0.000 s", "capabilities: workload_kubernetes",
		"cluster: v1.33.1+k3s1, as system:serviceaccount:unidesk-system:unidesk-agent",
		"cluster's runtime: containerd 2.0.5",
		"cluster's token: until 2026-07-02 08:00:00Z; the agent renews it",
		"cluster's rights: what deploys need, and no more",
		"cluster's mirrors: before the host's registry the runtime asks http://mirror",
		"cluster's disk: 9.66 GB free for images",
		"engine: none answers, and nothing there needs one",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
