package proof_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
)

func TestTheRegistryHasOneName(t *testing.T) {
	t.Parallel()
	const name = "127.0.0.1:5000"
	for _, c := range []struct {
		agent, managed string
		says           []string
	}{
		{name, name, nil},
		{"", "", nil},
		{"localhost:5000", name, nil},
		{"127.0.0.1:5001", name, []string{"services.yaml names " + name, "agent.yaml of D601 names 127.0.0.1:5001"}},
		{name, "[::1]:5000", []string{"controller.yaml names [::1]:5000"}},
		{"127.0.0.2:5000", "127.0.0.1:5001", []string{"agent.yaml of D601 names 127.0.0.2:5000", "controller.yaml names 127.0.0.1:5001"}},
	} {
		checks := proof.Registry(name, c.agent, c.managed, "D601")
		if (len(checks) > 0) != (c.says != nil) {
			t.Errorf("%+v: %+v", c, checks)
			continue
		}
		for _, want := range c.says {
			if got := checks[0]; !got.OK || !got.Warning || !strings.Contains(got.Detail, want) || got.Fix == "" {
				t.Errorf("%+v: %+v", c, got)
			}
		}
	}
}
