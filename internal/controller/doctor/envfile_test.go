package doctor

import (
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// What gives this account the whole of the env file is the fix, also when it cannot read it.
func TestTheEnvFileHasOneFix(t *testing.T) {
	t.Parallel()
	denied := fault.New(fault.EnvFileInvalid, "it is another's").WithHint("chown all")
	for name, c := range map[string]struct {
		file           file
		unread, closed error
		level          Level
		fix            string
	}{
		"another's, not read": {file{err: fault.New(fault.ConfigInvalid, "denied").WithHint("chgrp")}, denied, denied, LevelFault, "chown all"},
		"another's, read":     {file{path: "/e", mode: 0o600}, nil, denied, LevelFault, "chown all"},
		"not there":           {file{err: errDenied}, errDenied, errDenied, LevelFault, "put it there, or name it in config.json (providerGateway.upgrade.composeEnvFile)"},
		"its own":             {file{path: "/e", mode: 0o600}, nil, nil, LevelOK, ""},
	} {
		if got := judgeEnvFile(c.file, c.unread, c.closed); got.Level != c.level || got.Fix != c.fix {
			t.Errorf("%s: %+v, want the fix %q", name, got, c.fix)
		}
	}
}
