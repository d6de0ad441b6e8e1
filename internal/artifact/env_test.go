package artifact_test

import (
	"encoding/json"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestAnEnvironmentIsItsName(t *testing.T) {
	t.Parallel()
	for env, name := range map[artifact.Env]string{artifact.Prod: "prod", artifact.Dev: "dev"} {
		parsed, err := artifact.ParseEnv(name)
		if err != nil || parsed != env || env.String() != name {
			t.Errorf("%q is %v, %v; want %v", name, parsed, err, env)
		}
		in := map[artifact.Env]artifact.Env{env: env}
		text, err := json.Marshal(in)
		if want := `{"` + name + `":"` + name + `"}`; err != nil || string(text) != want {
			t.Errorf("%s, %v; want %s", text, err, want)
		}
		var out map[artifact.Env]artifact.Env
		if err := json.Unmarshal(text, &out); err != nil || out[env] != env {
			t.Errorf("%s is read as %v, %v", text, out, err)
		}
	}
	for _, name := range []string{"", "staging", "PROD", "prod ", "*", "prod/../dev"} {
		if env, err := artifact.ParseEnv(name); fault.ReasonOf(err) != fault.Usage || env != 0 {
			t.Errorf("%q is %v, %v; want USAGE", name, env, err)
		}
	}
}

// A receipt that names no environment can be read, and names none when it is written.
func TestNoEnvironmentIsTheZeroValue(t *testing.T) {
	t.Parallel()
	type record struct {
		Env  artifact.Env `json:"env"`
		Also artifact.Env `json:"also,omitempty"`
	}
	r := record{Env: artifact.Dev}
	if err := json.Unmarshal([]byte(`{"env":""}`), &r); err != nil || r.Env != 0 {
		t.Errorf("%v, %v, want none", r, err)
	}
	if text, err := json.Marshal(r); err != nil || string(text) != `{"env":""}` {
		t.Errorf("%s, %v", text, err)
	}
	if err := json.Unmarshal([]byte(`{"env":"staging"}`), &r); fault.ReasonOf(err) != fault.Usage {
		t.Errorf("staging: %v, want USAGE", err)
	}
}
