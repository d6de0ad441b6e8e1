package overview

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

// Without deploy.json, or without an environment in it, nothing is wanted; a file that cannot be
// understood is an error.
func TestWithoutDeployJSONNothingIsWanted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		content string
		wanted  int
		fails   bool
	}{
		"no file":             {},
		"another environment": {content: `{"environments":{"dev":{"services":{"frontend":"a"}}}}`},
		"this environment":    {content: `{"environments":{"prod":{"services":{"frontend":"a"}}}}`, wanted: 1},
		"no JSON":             {content: "services:", fails: true},
		"an empty one":        {content: `{"environments":{"prod":{"services":{}}}}`, fails: true},
	} {
		config := site.Defaults()
		config.Master.Root = t.TempDir()
		if c.content != "" {
			if err := os.WriteFile(filepath.Join(config.Master.Root, "deploy.json"), []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		wanted, err := Question{Wired: &site.Wired{Config: config}}.wanted(artifact.Prod)
		if len(wanted) != c.wanted || (err != nil) != c.fails {
			t.Errorf("%s: %v, %v", name, wanted, err)
		}
	}
}
