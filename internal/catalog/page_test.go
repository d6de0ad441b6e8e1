package catalog_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
)

// The lines that the page has CI type give each service of the built-in catalog its name and its labels.
func TestThePageHasCIPushWhatTheCatalogWants(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/provenance.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## What CI pushes\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var lines strings.Builder
	for _, line := range regexp.MustCompile(`(?m)^ {4}D601\$ (.*)$`).FindAllStringSubmatch(section, -1) {
		lines.WriteString(line[1] + "\n")
	}
	services, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	commit, _ := artifact.ParseCommit(strings.Repeat("a", 40))
	for _, id := range services.Services() {
		row, err := services.Row(id.String())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(section, "`"+row.Source+"`") {
			t.Errorf("the page does not name %s, the source of %s", row.Source, id)
		}
		script := regexp.MustCompile(`service=\S+ source=\S+`).ReplaceAllLiteralString(lines.String(), "service="+id.String()+" source="+row.Source)
		out, err := exec.CommandContext(t.Context(), "sh", "-euc", "git() { echo "+commit.String()+"; }; docker() { echo \"$@\"; }\n"+script).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		built, pushed, _ := strings.Cut(string(out), "\n")
		image := services.ImageRef(row, commit)
		if !strings.HasPrefix(built, "build --tag "+image+" ") || pushed != "push "+image+"\n" {
			t.Errorf("%s: the lines build and push %q, want %s", id, out, image)
		}
		for label, value := range row.Labels(commit) {
			if !strings.Contains(built, " --label "+label+"="+value+" ") {
				t.Errorf("%s: %q has no label %s=%s", id, built, label, value)
			}
		}
		if got, want := strings.Count(built, "--label "), len(row.Labels(commit)); got != want {
			t.Errorf("%s: %d labels, want %d", id, got, want)
		}
	}
}
