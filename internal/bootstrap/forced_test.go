package bootstrap_test

import (
	"context"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/bootstrap"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

func TestAForcedCommandIsNamedAsSuch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		out  string
		err  error
		says string
	}{
		"an agent":        {tunnel.Preface, nil, "an agent answers"},
		"a refusal":       {"", fault.New(fault.Internal, "on D601: %w", &tunnel.ExitError{Code: 1, Said: "no shell for you"}), "no shell for you"},
		"a refusal, said": {"no shell for you", fault.New(fault.Internal, "on D601: %w", &tunnel.ExitError{Code: 1}), "exit status 1"},
	} {
		_, err := bootstrap.Look(t.Context(), func(context.Context, []string, []byte) ([]byte, error) { return []byte(c.out), c.err })
		if fault.ReasonOf(err) != fault.Unsupported || fault.Retryable(err) || !strings.Contains(fault.HintOf(err), "ForceCommand") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, hint %q", name, err, fault.HintOf(err))
		}
	}
	away := fault.Transient(fault.HostUnreachable, "refused")
	if _, err := bootstrap.Look(t.Context(), func(context.Context, []string, []byte) ([]byte, error) { return nil, away }); fault.ReasonOf(err) != fault.HostUnreachable {
		t.Error(err)
	}
}
