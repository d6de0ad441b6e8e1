package packaging_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/packaging"
)

// A host that was bootstrapped and one that got the package are the same.
func TestThePackageBringsWhatABootstrapBrings(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("nfpm-agent.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var pkg struct {
		Contents []struct {
			Src, Dst string
		}
	}
	if err := yaml.Load(content, &pkg); err != nil {
		t.Fatal(err)
	}
	sources := map[string]string{}
	for _, c := range pkg.Contents {
		sources[c.Dst] = c.Src
	}
	if sources[packaging.AgentPath] == "" {
		t.Errorf("the package has no %s", packaging.AgentPath)
	}
	for _, f := range packaging.Files() {
		source, err := os.ReadFile("../" + sources[f.Path])
		if err != nil || string(source) != string(f.Content) {
			t.Errorf("the package's %s differs: %v", f.Path, err)
		}
		if comment := "Installed as " + f.Path; strings.HasSuffix(f.Path, ".conf") && !strings.Contains(string(f.Content), comment) {
			t.Errorf("%s does not say %q", f.Path, comment)
		}
	}
}

// What a registry holds is nobody's to remove but its owner's.
func TestRemovingAPackageNamesNoRegistryAndNoHome(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"deb/agent.prerm", "deb/agent.postrm"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var removed []string
		for line := range strings.Lines(string(content)) {
			words := strings.Fields(line)
			if len(words) > 2 && words[0] == "rm" {
				removed = append(removed, words[2:]...)
			}
		}
		for _, path := range removed {
			if !slices.Contains([]string{"/var/lib/unidesk-agent", "/run/unidesk-agent"}, path) {
				t.Errorf("%s removes %s", name, path)
			}
		}
	}
}
