package catalog_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
)

func TestRequiredLabelsAreData(t *testing.T) {
	t.Parallel()
	const head = "    source: https://example.test/x\n"
	file := strings.Replace(string(catalog.BuiltinFile()), "\n  frontend:\n", "\n  frontend:\n"+head+"    labels: {rev: \"{commit}\", who: \"{service} of {source}\"}\n", 1)
	commit, _ := artifact.ParseCommit(strings.Repeat("a", 40))
	for name, want := range map[string]map[string]string{
		"frontend": {"rev": commit.String(), "who": "frontend of https://example.test/x"},
		"findjob": {
			artifact.LabelRevision: commit.String(), artifact.LabelSource: "https://github.com/pikasTech/unidesk", artifact.LabelService: "findjob",
		},
	} {
		c, err := catalog.Parse([]byte(file))
		if err != nil {
			t.Fatal(err)
		}
		row, err := c.Row(name)
		if err != nil || !maps.Equal(row.Labels(commit), want) {
			t.Errorf("%s: %v, %v", name, row.Labels(commit), err)
		}
	}
	for labels, says := range map[string]string{
		`{rev: "{commit}", x: "{digest}"}`: "a value is text with",
		`{who: "{service}"}`:               "none is just {commit}",
		`{}`:                               "none is just {commit}",
	} {
		bad := strings.Replace(file, `{rev: "{commit}", who: "{service} of {source}"}`, labels, 1)
		if _, err := catalog.Parse([]byte(bad)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", labels, err)
		}
	}
}
