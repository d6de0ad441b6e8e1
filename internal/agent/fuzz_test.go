package agent

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"
)

// FuzzAConfigurationIsReadWholeOrRefused: an agent.yaml that is accepted has nothing but
// absolute paths, gives no account two roles, and has no second document and no key that
// is not known.
func FuzzAConfigurationIsReadWholeOrRefused(f *testing.F) {
	for _, s := range []string{
		"version: 1", "version: 2\nsocket: /run/s\nstate: /s\n", "version: 1\nroles: {read: [7], operate: ['7']}", "version: 1\nroles:\n  read: [root, 1]\n",
		"version: 1\n---\nversion: 2", "version: 1\n...\n", "version: 1\nsocket: |\n  /run/s", "version: 1\nsocket: &a /run/s\nstate: *a",
		"version: 1\nregistry: http://127.0.0.1:5000\ndocker: /d\nregistryRoots: [/srv/x]", "version: 1\n<<: {socket: /x}",
		servicesYAML("{s: " + wholeService + "}"), clusterYAML("server: https://127.0.0.1:6443"), "version: 0x1", "version: 1\nversion: 1", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Load(bytes.NewReader(text))
		if err != nil {
			return
		}
		paths := append(slices.Clone(c.RegistryRoots), c.Socket, c.State)
		if c.Docker != "" {
			paths = append(paths, c.Docker)
		}
		for _, p := range c.Projects {
			paths = append(paths, p.Root, p.EnvFile)
			if len(p.Files) == 0 || len(p.Services) == 0 {
				t.Errorf("a project of %d files and %d services", len(p.Files), len(p.Services))
			}
		}
		for _, path := range paths {
			if !filepath.IsAbs(path) {
				t.Errorf("%q is not absolute", path)
			}
		}
		held := map[string]bool{}
		for _, account := range slices.Concat(c.Roles.Read, c.Roles.Operate, c.Roles.Admin) {
			if held[account] {
				t.Errorf("%q has two roles", account)
			}
			held[account] = true
		}
		if c.Kubernetes != nil && c.Version != version {
			t.Errorf("a cluster in version %d", c.Version)
		}
		for _, more := range []string{"\nnobodyKnowsThis: 1\n", "\n---\nversion: 9\n"} {
			if _, err := Load(bytes.NewReader(append(bytes.Clone(text), more...))); err == nil {
				t.Errorf("%q with %q after it is accepted", text, more)
			}
		}
	})
}
