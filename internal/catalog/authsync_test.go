package catalog_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
)

// The only row that takes something of config.json along, and in which environment.
func TestBuiltinSyncsAuthForFrontendDevAlone(t *testing.T) {
	t.Parallel()
	c := builtin(t)
	for _, id := range c.Services() {
		row, err := c.Row(id.String())
		if err != nil {
			t.Fatal(err)
		}
		for _, env := range artifact.Envs() {
			var got, want *catalog.AuthSync
			if k := row.Environment(env).Target.Kubernetes; k != nil {
				got = k.Auth
			}
			if id.String() == "frontend" && env == artifact.Dev {
				want = &catalog.AuthSync{Credentials: []string{"password"}, Settings: []string{"username"}, Secret: "frontend-dev-auth", ConfigMap: "frontend-dev-auth"}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %s: %s", id, env, diff)
			}
		}
	}
}

func TestTheFaultsOfAnAuthSyncAreToldWithTheirLine(t *testing.T) {
	t.Parallel()
	const sound = "{credentials: [password], settings: [username], secret: web-auth, configMap: web-auth}"
	file := func(sync string) []byte {
		return []byte(strings.Replace(minimal, "{mode: live}", "{mode: live, shape: k3s, kubernetes: {namespace: a, authSync: "+sync+"}}", 1))
	}
	if _, err := catalog.Parse(file(sound)); err != nil {
		t.Fatal(err)
	}
	const at = "line 9: services.web.environments.prod.kubernetes.authSync."
	for name, c := range map[string]struct{ old, new, want string }{
		"no credential":            {"[password]", "[]", at + "credentials: none"},
		"a credential's name":      {"[password]", "['pass word']", at + `credentials: "pass word" is not a key`},
		"a setting's name":         {"[username]", "[a/b]", at + `settings: "a/b" is not a key`},
		"a key for both":           {"[username]", "[password]", at + `settings: "password" is there twice`},
		"no Secret":                {"secret: web-auth, ", "", at + `secret: "" is not a Secret's name`},
		"a path as Secret":         {"secret: web-auth", "secret: ../x", at + `secret: "../x" is not`},
		"a ConfigMap's upper case": {"configMap: web-auth", "configMap: Web", at + `configMap: "Web" is not`},
		"an unknown key":           {"secret:", "password: hunter2, secret:", `line 9: unknown key "password"`},
	} {
		_, err := catalog.Parse(file(strings.Replace(sound, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want mention of %q", name, err, c.want)
		}
	}
}
