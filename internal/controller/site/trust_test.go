package site

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
)

// Every Debian has the account: it is in the group nogroup alone.
func TestWhoMayUseTheEngine(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to give a file away")
	}
	account, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	nobody, _ := strconv.Atoi(account.Uid)
	nogroup, _ := strconv.Atoi(account.Gid)
	const stranger, other = 64002, 64001 // no account has them
	socket := filepath.Join(t.TempDir(), "docker.sock")
	if err := os.WriteFile(socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		uid, gid int
		mode     os.FileMode
		want     bool // for that account
	}{
		"its own":                    {nobody, other, 0o600, true},
		"its own, and may not write": {nobody, nogroup, 0o460, false},
		"its group's":                {0, nogroup, 0o660, true},
		"its group's, to read":       {0, nogroup, 0o640, false},
		"another group's":            {0, other, 0o660, false},
		"everybody's":                {0, other, 0o666, true},
	} {
		if err := os.Chown(socket, c.uid, c.gid); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(socket, c.mode); err != nil {
			t.Fatal(err)
		}
		may := mayUse("unix://" + socket)
		if got := may(nobody); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if got := may(stranger); got != (c.mode&0o002 != 0) {
			t.Errorf("%s: an account that is unknown: %v", name, got)
		}
	}
	if mayUse("unix:///nowhere/docker.sock")(nobody) {
		t.Error("an engine that is not there may be used")
	}
}
