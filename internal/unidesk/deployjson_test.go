package unidesk_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
)

func write(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "deploy.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestWantedUnderstandsTheFormsThatAreDocumented(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"environments, services, commit": `{"environments":{"prod":{"services":{"web":{"commit":"c1"},"db":{"commit":"c2","secret":"s"}}},"dev":{"services":{}}}}`,
		"environments, services, string": `{"environments":{"prod":{"services":{"web":"c1","db":"c2"}}}}`,
		"environments, bare":             `{"environments":{"prod":{"web":{"commit":"c1"},"db":"c2","replicas":3}}}`,
		"no environments":                `{"version":1,"prod":{"services":{"web":{"commitId":"c1"},"db":{"sourceCommit":"c2"}}}}`,
		"a list":                         `{"environments":{"prod":{"services":[{"id":"web","commit":"c1"},{"serviceId":"db","commit":"c2"},{"id":"none"},7]}}}`,
		"a bare list":                    `{"prod":[{"name":"web","commit":"c1"},{"service":"db","commit":"c2"}]}`,
	} {
		got, err := unidesk.Wanted(write(t, content), "deploy.json", artifact.Prod)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(map[string]string{"web": "c1", "db": "c2"}, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestWantedRefusesWithoutQuoting(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"not JSON":          `{"token":"hunter2"`,
		"not an object":     `["hunter2"]`,
		"no environment":    `{"environments":{"dev":{"services":{"web":"hunter2"}}}}`,
		"nothing wanted":    `{"environments":{"prod":{"services":{"web":{"password":"hunter2"}}}}}`,
		"services a string": `{"environments":{"prod":{"services":"hunter2"}}}`,
		"null":              `null`,
		"listed twice":      `{"prod":[{"id":"web","commit":"hunter2"},{"name":"web","commit":"c1"}]}`,
		"named twice":       `{"prod":{"services":{"web":"c1","db":{"commit":"c2"},"web":{"commit":"hunter2"}}}}`,
	} {
		_, err := unidesk.Wanted(write(t, content), "deploy.json", artifact.Prod)
		if fault.ReasonOf(err) != fault.ConfigInvalid || strings.Contains(err.Error()+fault.HintOf(err), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	elsewhere := filepath.Join(write(t, `{"prod":{"web":"c1"}}`), "deploy.json")
	if got, err := unidesk.Wanted(t.TempDir(), elsewhere, artifact.Prod); err != nil || got["web"] != "c1" {
		t.Errorf("an absolute path: %v, %v", got, err)
	}
	if _, err := unidesk.Wanted(t.TempDir(), "deploy.json", artifact.Prod); fault.HintOf(err) == "" {
		t.Errorf("no file: %v", err)
	}
}

func FuzzWanted(f *testing.F) {
	f.Add(`{"environments":{"prod":{"services":{"web":{"commit":"c1"}}}}}`)
	f.Add(`{"prod":[{"name":"web","commit":"c1"}]}`)
	f.Add(`{"prod":null,"environments":7}`)
	f.Fuzz(func(t *testing.T, content string) {
		wanted, err := unidesk.Wanted(write(t, content), "deploy.json", artifact.Prod)
		if (err == nil) != (len(wanted) > 0) {
			t.Errorf("%v, %v", wanted, err)
		}
		for service, commit := range wanted {
			if commit == "" {
				t.Errorf("%q wants no commit", service)
			}
		}
	})
}
