package unidesk_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
)

// secret stands for whatever else is in the user's file.
const secret = "hunter2-correct-horse"

// envFile reads config.json with that content.
func envFile(t *testing.T, content string) (root, path string, err error) {
	t.Helper()
	root = t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "config.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err = unidesk.EnvFile(root, "config.json")
	return root, path, err
}

func TestTheEnvFileIsWhereTheConfigurationSays(t *testing.T) {
	t.Parallel()
	pointer := func(value string) string {
		return `{"auth":{"password":"` + secret + `"},"providerGateway":{"upgrade":{"composeEnvFile":` + value + `,"more":1}}}`
	}
	for name, c := range map[string]struct{ content, want, refusal string }{
		"absolute":           {pointer(`"/srv/x/../controlled.env"`), "/srv/controlled.env", ""},
		"relative":           {pointer(`"deploy/controlled.env"`), "ROOT/deploy/controlled.env", ""},
		"empty":              {pointer(`""`), "", "has no " + unidesk.EnvFilePointer},
		"absent":             {`{"auth":{"password":"` + secret + `"}}`, "", "has no " + unidesk.EnvFilePointer},
		"null":               {pointer("null"), "", "has no " + unidesk.EnvFilePointer},
		"another type":       {pointer(`["` + secret + `"]`), "", "has another type"},
		"another type above": {`{"providerGateway":"` + secret + `"}`, "", "has another type"},
		"not JSON":           {"password: " + secret, "", "is not valid JSON"},
		"cut short":          {pointer(`"x"`)[:20], "", "is not valid JSON"},
	} {
		root, got, err := envFile(t, c.content)
		switch {
		case c.refusal == "" && (err != nil || got != strings.Replace(c.want, "ROOT", root, 1)):
			t.Errorf("%s: %q, %v", name, got, err)
		case c.refusal != "" && (err == nil || fault.ReasonOf(err) != fault.ConfigInvalid || !strings.Contains(err.Error(), c.refusal) || strings.Contains(err.Error(), secret)):
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	root, _, _ := envFile(t, pointer(`"controlled.env"`))
	other := t.TempDir()
	if got, err := unidesk.EnvFile(other, filepath.Join(root, "config.json")); err != nil || got != filepath.Join(other, "controlled.env") {
		t.Errorf("a configuration elsewhere: %q, %v", got, err)
	}
	if _, err := unidesk.EnvFile(t.TempDir(), "config.json"); fault.ReasonOf(err) != fault.ConfigInvalid || !strings.Contains(fault.HintOf(err), "master.config") {
		t.Errorf("no file: %v (%q)", err, fault.HintOf(err))
	}
}

// FuzzNothingOfTheFileIsInAnError: wherever a secret stands, and however the file
// is broken around it, no error has it.
func FuzzNothingOfTheFileIsInAnError(f *testing.F) {
	for _, s := range [][2]string{
		{`{"auth":{"password":"`, `"}}`},
		{`{"`, `":1}`},
		{`{"providerGateway":{"upgrade":{"composeEnvFile":["`, `"]}}}`},
		{`{"providerGateway":{"`, `":[]}}`},
		{`{"providerGateway":`, `}`},
		{`{"providerGateway":{"upgrade":"`, `"}}`},
		{`"`, `"`},
		{"", ""},
		{`{"x":"\u00`, `"}`},
		{`{"x":1e99999`, `}`},
		{`{"providerGateway":{"upgrade":{"composeEnvFile":"x"}}}`, ""},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		_, path, err := envFile(t, before+secret+after)
		switch {
		case err != nil && (strings.Contains(err.Error()+fault.HintOf(err), secret) || path != ""):
			t.Errorf("%q beside %v", path, err)
		case err != nil && fault.ReasonOf(err) != fault.ConfigInvalid:
			t.Error(err)
		case err == nil && !filepath.IsAbs(path):
			t.Errorf("%q is not absolute", path)
		}
	})
}

func TestAuthHasTextsNumbersAndBooleans(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write := func(content string) {
		if err := os.WriteFile(filepath.Join(root, "config.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"auth":{"username":"a\u00e4","password":"p\"\n","port":8.50,"on":true,"o":{"a":1},"l":[1],"n":null,"empty":""},"more":1}`)
	values, others, err := unidesk.Auth(root, "config.json")
	want := map[string]string{"username": "aä", "password": "p\"\n", "port": "8.50", "on": "true", "empty": ""}
	if err != nil || !maps.Equal(values, want) || !slices.Equal(others, []string{"l", "n", "o"}) {
		t.Errorf("%q, %q, %v", values, others, err)
	}
	write(`{}`)
	if values, others, err := unidesk.Auth(root, "config.json"); len(values)+len(others) != 0 || err != nil {
		t.Errorf("%q, %q, %v", values, others, err)
	}
	write(`{"auth":{"password":"hunter2",}}`)
	if _, _, err := unidesk.Auth(root, "config.json"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
	write(`{"auth":"hunter2"}`)
	if _, _, err := unidesk.Auth(root, "config.json"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}
