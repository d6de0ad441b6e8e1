package catalog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// What baidu-netdisk must report of itself, and what to do, in which order, when it
// does not: the env file first, since a recreate reads it.
func TestBuiltinTellsWhatToDoAboutADegradedBaiduNetdisk(t *testing.T) {
	t.Parallel()
	row, err := builtin(t).Row("baidu-netdisk")
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{"auth.configured", "auth.clientIdConfigured", "auth.clientSecretConfigured", "auth.tokenKeyConfigured", "auth.loggedIn"}
	for _, env := range artifact.Envs() {
		if diff := cmp.Diff(flags, row.Environment(env).Probe.Flags); diff != "" {
			t.Errorf("%s: %s", env, diff)
		}
	}
	if diff := cmp.Diff([]string{
		"restore the missing UNIDESK_BAIDU_NETDISK_* values in the env file",
		"recreate the one service with the same command and --force",
		`verify with "microservice health baidu-netdisk"`,
	}, row.HintsWith("the same command")); diff != "" {
		t.Error(diff)
	}
}
