package setupanswer

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

func TestAHostIsABlockThatFitsATerminal(t *testing.T) {
	t.Parallel()
	d := rpc.Description{
		AgentVersion: "1.2", CallerRole: rpc.RoleRead, Engine: &rpc.Engine{Version: "28.2"}, ComposeVersion: "2.29.1",
		Capabilities: []rpc.Capability{rpc.CapabilityImageStream, rpc.CapabilityWorkloadCompose}, Disks: []rpc.Disk{{Purpose: rpc.DiskState, Free: 5e9}, {Purpose: rpc.DiskEngine, Free: 5e9}},
	}
	k := d
	k.Cluster = &rpc.Cluster{Version: "v1.33.1+k3s1", Runtime: "containerd 2.0.5-k3s1.32", Account: "system:serviceaccount:unidesk-system:unidesk-agent"}
	k.Capabilities = []rpc.Capability{rpc.CapabilityImageStream, rpc.CapabilityWorkloadCompose, rpc.CapabilityWorkloadKubernetes, rpc.CapabilityRegistry}
	k.Disks = append(slices.Clone(d.Disks), rpc.Disk{Purpose: rpc.DiskClusterImages, Free: 123e9})
	s := d
	s.Cluster = &rpc.Cluster{Runtime: "containerd 2.0.5-k3s1.32", Trouble: "the API server is gone; look there"}
	var out bytes.Buffer
	list := []site.HostRow{
		{Name: "a", Transport: "ssh a", Reachable: true, Agent: &d, SkewSeconds: 3660, RoundTripSeconds: 0.4},
		{Name: "k", Transport: "ssh k", Reachable: true, Agent: &k},
		{Name: "s", Transport: "ssh s", Reachable: true, Agent: &s},
		{Name: "d", Transport: "ssh nowhere", Reason: fault.HostUnreachable, Message: "no answer"},
	}
	if err := printHosts(&out, list); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1.2", "role read", "image_stream", "28.2", "2.29.1", "state 5.00 GB", "+36", "v1.33.1+k3s1, containerd 2.0.5-k3s1.32", "cluster_images 123.00 GB", "because        the API server is gone; look there", "✗ d  ssh nowhere"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	for line := range strings.Lines(out.String()) {
		if len(line) > 100 && !strings.Contains(line, "because") {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}
