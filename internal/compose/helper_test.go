package compose

import (
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
)

func mustEnv(t *testing.T, r *Runtime) envfile.Content {
	t.Helper()
	env, err := r.readEnv()
	if err != nil {
		t.Fatal(err)
	}
	return env
}
