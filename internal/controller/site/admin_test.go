package site

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The second configuration of the page is valid, and asks the agent as root.
func TestThePagesSecondConfigurationAsksAsRoot(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/hosts.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Another account\n")
	section, _, _ = strings.Cut(section, "\n## ")
	yaml := regexp.MustCompile(`(?m)^ {8}(\S.*)$`).FindAllStringSubmatch(section, -1)
	content := "version: 1\nmaster: {root: /srv/unidesk}\n"
	for _, line := range yaml {
		content += line[1] + "\n"
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "controller.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := LoadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	host := c.Hosts["D601"]
	if host.SSH == nil || !slices.Equal(host.SSH.Command, []string{"sudo", "-n", "unidesk-agent", "stdio"}) || len(yaml) == 0 {
		t.Errorf("the page's lines are %q", yaml)
	}
}
