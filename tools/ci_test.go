package tools_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// newCI is a folder with CI's script and a make that fails at a given stage.
func newCI(t *testing.T, failing string) repo {
	t.Helper()
	r := repo{t, t.TempDir()}
	script, err := os.ReadFile("../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{".ci/run": string(script), "bin/make": "#!/bin/sh\n[ \"$1\" != '" + failing + "' ]\n", "tools/share.sh": "#!/bin/sh\n"} {
		path := filepath.Join(r.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestCIPrintsTheSecondsOfEachStage(t *testing.T) {
	t.Parallel()
	for failing, want := range map[string]string{
		"":      `^ +\d+ s  commits\n +\d+ s  rooms\n +\d+ s  words\n +\d+ s  test\n +\d+ s  engines\n +\d+ s  lint\n +\d+ s  vulns\n +\d+ s  race\n +\d+ s  fuzz\n +\d+ s  mutants\n +\d+ s  e2e\n +\d+ s  all\n$`,
		"e2e":   `^ +\d+ s  commits\n +\d+ s  rooms\n +\d+ s  words\n +\d+ s  test\n +\d+ s  engines\n +\d+ s  lint\n +\d+ s  vulns\n +\d+ s  race\n +\d+ s  fuzz\n +\d+ s  mutants\n +\d+ s  e2e \(failed\)\n +\d+ s  all\n$`,
		"lint":  `^ +\d+ s  commits\n +\d+ s  rooms\n +\d+ s  words\n +\d+ s  test\n +\d+ s  engines\n +\d+ s  lint \(failed\)\n +\d+ s  all\n$`,
		"rooms": `^ +\d+ s  commits\n +\d+ s  rooms \(failed\)\n +\d+ s  all\n$`,
	} {
		r := newCI(t, failing)
		out, err := r.run("sh", "-c", `PATH="$PWD/bin:$PATH" .ci/run`)
		if (err != nil) != (failing != "") || !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("with %q failing: %v, %q, want %q", failing, err, out, want)
		}
	}
}
