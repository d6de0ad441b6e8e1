package agent

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// agent.yaml names root's equals: an account that may write it is an equal, too.
func TestAConfigurationThatAnotherAccountMayWriteIsRefused(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root, to give files away")
	}
	for name, spoil := range map[string]func(file string) error{
		"CHOWN FILE":   func(file string) error { return os.Chown(file, 65534, 0) },
		"CHMOD FILE":   func(file string) error { return os.Chmod(file, 0o666) },
		"CHOWN FOLDER": func(file string) error { return os.Chown(filepath.Dir(file), 65534, 0) },
		"CHMOD FOLDER": func(file string) error { return os.Chmod(filepath.Dir(file), 0o777) },
	} {
		file := filepath.Join(t.TempDir(), "agent.yaml")
		if err := os.WriteFile(file, []byte("version: 2\n"), 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadFile(file); err != nil {
			t.Errorf("as root makes it: %v", err)
		}
		if err := spoil(file); err != nil {
			t.Fatal(err)
		}
		want := strings.NewReplacer("FILE", file, "FOLDER", filepath.Dir(file), "CHOWN", "chown root", "CHMOD", "chmod go-w").Replace(name)
		if _, err := LoadFile(file); fault.ReasonOf(err) != fault.ConfigInvalid || !strings.HasSuffix(fault.HintOf(err), want) {
			t.Errorf("%s: %v, %q", name, err, fault.HintOf(err))
		}
	}
}

// An account that may write a Compose file chooses what root starts. The role operate does not give that.
func TestWhoMayOwnTheFilesOfAProject(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root, to give files away")
	}
	const admin, operator, reader, stranger = 4001, 4002, 4003, 4004
	accounts, err := newRoles(Roles{Admin: []string{"4001"}, Operate: []string{"4002"}, Read: []string{"4003"}})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	file := filepath.Join(folder, "docker-compose.yml")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for uid, may := range map[int]bool{0: true, admin: true, operator: false, reader: false, stranger: false} {
		if err := errors.Join(os.Chown(folder, uid, 0), os.Chown(file, uid, 0)); err != nil {
			t.Fatal(err)
		}
		if err := accounts.guard(file); (err == nil) != may {
			t.Errorf("uid %d: %v", uid, err)
		}
	}
}
