package site

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

func TestTheLineForTheRightsGoesTheHostsOwnWay(t *testing.T) {
	t.Parallel()
	for want, way := range map[string]tunnel.Config{
		"unidesk-controller host placement D601 --rbac | ssh D601 sudo kubectl apply -f -": {SSH: &tunnel.SSH{Destination: "D601"}},
		"unidesk-controller host placement D601 --rbac | ssh -F '/etc/a b' ops@d sudo kubectl apply -f -": {
			SSH: &tunnel.SSH{Destination: "ops@d", ConfigFile: "/etc/a b"},
		},
		"on the host, as root: kubectl apply -f - with what `unidesk-controller host placement D601 --rbac` prints here": {Socket: "/run/a.sock"},
	} {
		if got := RightsLine("D601", way); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestAHostWhoseClusterTheCatalogUsesNeedsObjectsThere(t *testing.T) {
	t.Parallel()
	c := Defaults()
	c.Hosts["other"] = tunnel.Config{Socket: "/run/a.sock"}
	services := must(catalog.Builtin())
	for _, host := range []string{"other", catalog.Master} {
		if got := c.ClusterObjects(services, host); got != nil {
			t.Errorf("%s: %q", host, got)
		}
	}
	// They are those of the manifest that a person applies.
	manifest, empty := must(c.Rights(services, "D601")), 0
	for _, o := range c.ClusterObjects(services, "D601") {
		text := o.YAML
		if o.Empty {
			empty++
			text = rights.Make(o.Kind, o.Namespace, o.Name) + "\n"
		}
		if !strings.Contains(manifest, text) {
			t.Errorf("the manifest lacks %s", o)
		}
	}
	if kinds := strings.Count(manifest, "kind: Role\n"); kinds != 3 || empty != 2 {
		t.Errorf("%d Roles and %d empty objects in\n%s", kinds, empty, manifest)
	}
}
