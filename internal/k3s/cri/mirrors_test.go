package cri_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/cri"
)

func TestTheMirrorsOfARegistry(t *testing.T) {
	t.Parallel()
	const registry = "127.0.0.1:5000"
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "registries.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":        {"", nil},
		"a comment":      {"# no mirrors yet\n", nil},
		"other keys":     {"configs: {x: {auth: {password: secret}}}\nmirrors:\n", nil},
		"another's":      {"mirrors:\n  docker.io:\n    endpoint: [https://m]\n", nil},
		"its own":        {"mirrors:\n  \"127.0.0.1:5000\":\n    endpoint:\n      - http://10.0.0.1:5000\n      - https://m/v2\n    rewrite: {\"^x\": y}\n", []string{"http://10.0.0.1:5000", "https://m/v2"}},
		"not quoted":     {"mirrors:\n  127.0.0.1:5000:\n    endpoint: [http://a]\n", []string{"http://a"}},
		"all registries": {"mirrors: {\"*\": {endpoint: [http://all]}}\n", []string{"http://all"}},
		"own before all": {"mirrors: {\"*\": {endpoint: [http://all]}, \"127.0.0.1:5000\": {endpoint: [http://own]}}\n", []string{"http://own"}},
		"own and empty":  {"mirrors: {\"*\": {endpoint: [http://all]}, \"127.0.0.1:5000\": }\n", nil},
		"no list":        {"mirrors: {\"127.0.0.1:5000\": {endpoint: http://one}}\n", []string{"http://one"}},
		"null":           {"mirrors: {\"127.0.0.1:5000\": {endpoint: null}}\n", nil},
		"a tilde":        {"mirrors: {\"127.0.0.1:5000\": {endpoint: ~}}\n", nil},
		"empty texts":    {"mirrors: {\"127.0.0.1:5000\": {endpoint: [\"\", http://a]}}\n", []string{"http://a"}},
		"secrets": {
			"mirrors: {\"127.0.0.1:5000\": {endpoint: [\"https://u:secret@h/v2\", \"u:secret@h:1\", \"https://u:%zzsecret@h\", \"https://secret/secret@h\"]}}\n",
			[]string{"https://h/v2", "h:1", "https://h", "https://h"},
		},
		"a terminal":               {"mirrors: {\"127.0.0.1:5000\": {endpoint: [\"http://\\e[2Ja\\nb\"]}}\n", []string{"http://?[2Ja?b"}},
		"a list":                   {"- secret\n", nil},
		"a text":                   {"mirrors: secret\n", nil},
		"a mirror that is a text":  {"mirrors: {\"127.0.0.1:5000\": secret}\n", nil},
		"endpoints that are a map": {"mirrors: {\"127.0.0.1:5000\": {endpoint: {a: b}}}\n", nil},
		"an endpoint that is":      {"mirrors: {\"127.0.0.1:5000\": {endpoint: [{a: b}, http://a]}}\n", []string{"http://a"}},
		"aliases":                  {"x: &x [&a http://a, *a]\nmirrors: {\"127.0.0.1:5000\": &m {endpoint: *x}}\n", []string{"http://a", "http://a"}},
		"a bomb":                   {"a: &a [x,x,x,x,x,x,x,x,x]\n" + bomb() + "mirrors: {\"127.0.0.1:5000\": {endpoint: *j}}\n", nil},
		"json":                     {`{"mirrors":{"127.0.0.1:5000":{"endpoint":["http://j"]}}}`, []string{"http://j"}},
	} {
		got, err := cri.Mirrors(write(c.text), registry)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
	if got, err := cri.Mirrors(filepath.Join(t.TempDir(), "none"), registry); got != nil || err != nil {
		t.Errorf("no file: %q, %v", got, err)
	}
	many := "mirrors: {\"127.0.0.1:5000\": {endpoint: [" + strings.Repeat("http://a,", 1000) + "http://b]}}\n"
	if got, err := cri.Mirrors(write(many), registry); len(got) != 16 || err != nil {
		t.Errorf("%d, %v", len(got), err)
	}
	for name, path := range map[string]string{
		"no YAML":   write("mirrors: [\x1b[2J"),
		"too large": write("# " + strings.Repeat("x", 1<<20)), "a folder": t.TempDir(),
	} {
		got, err := cri.Mirrors(path, registry)
		t.Logf("%s: %v", name, err)
		if fault.ReasonOf(err) != fault.EngineFailed || got != nil || !strings.Contains(err.Error(), path) || strings.ContainsAny(err.Error(), "\x1b\n") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// bomb is nine lists, each of nine of the list before.
func bomb() (text string) {
	for c := 'b'; c <= 'j'; c++ {
		text += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 9), ",") + "]\n"
	}
	return text
}
