package site

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// controller.yaml names programs that are run, and services.yaml what is deployed.
func TestAConfigurationThatAnotherAccountMayWriteIsRefused(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root, to give files away")
	}
	load := func(name, dir string) error {
		if name == "services.yaml" {
			_, err := LoadCatalog(dir)
			return err
		}
		_, err := LoadConfig(dir)
		return err
	}
	for name, content := range map[string]string{"controller.yaml": "version: 1\nmaster: {root: /srv}\n", "services.yaml": "services: {}\n"} {
		for what, spoil := range map[string]func(file string) error{
			"CHOWN FILE":   func(file string) error { return os.Chown(file, 65534, 0) },
			"CHMOD FILE":   func(file string) error { return os.Chmod(file, 0o666) },
			"CHOWN FOLDER": func(file string) error { return os.Chown(filepath.Dir(file), 65534, 0) },
			"CHMOD FOLDER": func(file string) error { return os.Chmod(filepath.Dir(file), 0o777) },
		} {
			file := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			refused := func() bool {
				return strings.Contains(fault.HintOf(load(name, filepath.Dir(file))), "if it is right, as root: ")
			}
			if refused() {
				t.Errorf("%s as root makes it: %v", name, load(name, filepath.Dir(file)))
			}
			if err := spoil(file); err != nil {
				t.Fatal(err)
			}
			want := strings.NewReplacer("FILE", file, "FOLDER", filepath.Dir(file), "CHOWN", "chown root", "CHMOD", "chmod go-w").Replace(what)
			if err := load(name, filepath.Dir(file)); fault.ReasonOf(err) != fault.ConfigInvalid || !strings.HasSuffix(fault.HintOf(err), want) {
				t.Errorf("%s, %s: %v, %q", name, what, err, fault.HintOf(err))
			}
		}
	}
}

// An account that may use the engine is root's equal, and may own UniDesk's files.
func TestWhoMayOwnUniDesksFiles(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root, to give files away")
	}
	const operator, member = 64001, 64002
	dir := t.TempDir()
	socket, compose, config := filepath.Join(dir, "docker.sock"), filepath.Join(dir, "compose.yaml"), filepath.Join(dir, "config.json")
	for _, file := range []string{socket, compose, config} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(socket, operator, 0); err != nil { // it may use the engine
		t.Fatal(err)
	}
	c := Config{Master: Master{Root: dir, Config: "config.json", Docker: "unix://" + socket}}
	for uid, may := range map[int]bool{0: true, operator: true, member: false} {
		for _, file := range []string{compose, config} {
			if err := os.Chown(file, uid, 0); err != nil {
				t.Fatal(err)
			}
			if err := c.Guard(compose); (err == nil) != may {
				t.Errorf("%s of uid %d: %v", filepath.Base(file), uid, err)
			}
			if err := errors.Join(os.Chown(file, 0, 0)); err != nil {
				t.Fatal(err)
			}
		}
	}
}
