package present

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestAHostThatCouldNotBeAskedIsNamedAndNotItsFirstService(t *testing.T) {
	t.Parallel()
	service, err := artifact.ParseServiceID("claudeqq")
	if err != nil {
		t.Fatal(err)
	}
	const ends = "its agent reverts an unconfirmed change by itself at the deadline"
	for name, c := range map[string]struct {
		host   string
		reason fault.Reason
		want   string
	}{
		"a service":                {"", fault.Internal, "claudeqq prod: " + ends},
		"a host that is down":      {"D601", fault.HostUnreachable, "D601, with all that runs there: " + ends},
		"a host without an agent":  {"D601", fault.NotAnAgent, "D601, with all that runs there: if it has no agent, nothing reverts an unconfirmed change there"},
		"a host of another answer": {"D601", fault.RoleMissing, "D601, with all that runs there: " + ends},
	} {
		failure := contract.Failure{}
		failure.Reason = c.reason
		got := recovered(contract.Recovery{Service: service, Env: artifact.Prod, Action: contract.Unreached, Host: c.host, Failure: &failure})
		if !strings.HasSuffix(got, c.want) || c.host != "" && strings.Contains(got, "claudeqq") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
