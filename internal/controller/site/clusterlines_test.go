package site

import (
	"slices"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
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

func TestAFirstConfigurationHasTheLinesOfAClusterThatTheCatalogUses(t *testing.T) {
	t.Parallel()
	c := Defaults()
	c.Hosts["other"] = tunnel.Config{Socket: "/run/a.sock"}
	for host, want := range map[string][]string{
		"D601":  {"unidesk-controller host placement D601 --rbac | ssh D601 sudo kubectl apply -f -", TokenLine()},
		"other": nil, catalog.Master: nil,
	} {
		first, err := c.FirstConfig(must(catalog.Builtin()), host)
		if err != nil || !slices.Equal(first.Cluster, want) {
			t.Errorf("%s: %q, %v", host, first.Cluster, err)
		}
	}
}
