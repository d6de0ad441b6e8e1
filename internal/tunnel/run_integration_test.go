//go:build integration

package tunnel_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

func TestACommandRunsOverSSH(t *testing.T) {
	s := startSSHD(t)
	input := make([]byte, 3<<20)
	for i := range input {
		input[i] = byte(rand.Uint32())
	}
	const script = "# it's $HOME and `a line`\ncat | wc -c\nprintf '%s\\n' \"$1\" >&2\nexit 74\n"
	// The host's own command is the agent's, and is not run.
	out, err := tunnel.Run(t.Context(), through(s, "exit 3"), []string{"sh", "-c", script, "sh", "a 'b' $c"}, bytes.NewReader(input))
	exit := (*tunnel.ExitError)(nil)
	if string(out) != "3145728\n" || !errors.As(err, &exit) || exit.Code != 74 || exit.Said != "a 'b' $c" {
		t.Errorf("got %q, %v", out, err)
	}
	if err := s.SwapHostKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := tunnel.Run(t.Context(), through(s, ""), []string{"true"}, bytes.NewReader(nil)); fault.ReasonOf(err) != fault.HostKeyMismatch {
		t.Errorf("with another host key: %v", err)
	}
}
