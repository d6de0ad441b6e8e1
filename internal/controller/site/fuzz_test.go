package site

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzAConfigurationIsReadWholeOrRefused: a controller.yaml that is accepted has absolute
// paths and the registry's host among its hosts, and has no second document and no key
// that is not known.
func FuzzAConfigurationIsReadWholeOrRefused(f *testing.F) {
	for _, s := range []string{
		"version: 1\nmaster: {root: /srv}\n", "version: 1\nmaster: {root: /srv}\nregistryHost: far\nhosts: {far: {socket: /run/s}}\n",
		"version: 1\nmaster: {root: /srv}\nhosts: {D601: {ssh: {destination: D601, command: [a, b]}}}\n", "version: 1\nmaster: {root: /srv, root: /x}\n",
		"version: 1\nmaster: {root: /srv}\nhosts: {D601: {ssh: {destination: -oProxyCommand=x}}}\n", "version: 1\nmaster: {root: /srv}\nsources: {a: b}\n",
		"version: 1\nmaster: {root: /srv}\nspoolQuota: 1e9\nstate: /s\nsummaries: /x\n", "version: 1\nmaster: {root: /srv}\n---\nversion: 2\n", "version: 1\nmaster: &m {root: /srv}\n", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		load := func(more string) (Config, error) {
			if err := os.WriteFile(filepath.Join(dir, "controller.yaml"), append(append([]byte{}, text...), more...), 0o600); err != nil {
				t.Fatal(err)
			}
			return LoadConfig(dir)
		}
		c, err := load("")
		if err != nil {
			return
		}
		for _, path := range []string{c.State, c.Master.Root, c.AllowedSigners, strings.TrimPrefix(c.Master.Docker, "unix://")} {
			if !filepath.IsAbs(path) {
				t.Errorf("%q is not absolute", path)
			}
		}
		if _, known := c.Hosts[c.RegistryHost]; !known || c.SpoolQuota <= 0 || c.Version != 1 {
			t.Errorf("version %d, quota %d, and %q is among the hosts: %t", c.Version, c.SpoolQuota, c.RegistryHost, known)
		}
		for name, h := range c.Hosts {
			if h.SSH != nil && strings.HasPrefix(h.SSH.Destination, "-") {
				t.Errorf("ssh takes %s's destination %q for an option", name, h.SSH.Destination)
			}
		}
		for _, more := range []string{"\nnobodyKnowsThis: 1\n", "\n---\nversion: 9\n"} {
			if _, err := load(more); err == nil {
				t.Errorf("%q with %q after it is accepted", text, more)
			}
		}
	})
}
