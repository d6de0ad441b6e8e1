package declared

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// project is what `docker compose config --no-interpolate` v5.6.0 prints of a service.
func project(service string) []byte {
	return []byte(`{"name":"unidesk","services":{"sample":` + service + `,"beside":{"image":"x"}}}`)
}

func TestAServicesDefinition(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		service string
		want    workload.ComposeDefinition
	}{
		"a list": {
			`{"image":"sample","container_name":"sample-backend","environment":["A","B=${B}","C=${C:-}","E=${E:-${E2}}","F=$F","G=${G-d}","H=${H:?no}"],"labels":["l=${LL}","m","n=x${N1:-${N2}}y$N3 $$N4"]}`,
			workload.ComposeDefinition{
				Image: "sample", ContainerName: "sample-backend", Replicas: 1,
				References: []string{"A", "B", "C", "E", "F", "G", "H"}, LabelReferences: []string{"LL", "N1", "N2", "N3"},
				Labels: map[string]string{"l": "${LL}", "n": "x${N1:-${N2}}y$N3 $$N4"},
			},
		},
		"a map": {
			`{"image":"sample","environment":{"A":null,"B":"${B?no}","C":7,"D":true,"E":""},"labels":{"l":"$LL","n":null},"pull_policy":"always"}`,
			workload.ComposeDefinition{Image: "sample", Replicas: 1, PullPolicy: "always", References: []string{"A", "B"}, LabelReferences: []string{"LL"}, Labels: map[string]string{"l": "$LL"}},
		},
		"what does not hand on the variable of its name": {
			`{"image":"x","environment":["A=${AA}","B=x${B}","C=${C}y","D=${D:+x}","E=$$E","F=${F:-}${G}","H=1","I="," J=$J","K=${K:-a}b}"],"labels":["A"]}`,
			workload.ComposeDefinition{Image: "x", Replicas: 1},
		},
		"built here, no image":      {`{"build":{"context":"."}}`, workload.ComposeDefinition{Image: "unidesk-sample", Replicas: 1}},
		"scaled":                    {`{"image":"x","scale":3}`, workload.ComposeDefinition{Image: "x", Replicas: 3}},
		"replicas":                  {`{"image":"x","deploy":{"replicas":2}}`, workload.ComposeDefinition{Image: "x", Replicas: 2}},
		"replicas by a variable":    {`{"image":"x","deploy":{"replicas":"${N:-1}"}}`, workload.ComposeDefinition{Image: "x", Replicas: 0}},
		"one replica, as text":      {`{"image":"x","deploy":{"replicas":"1"}}`, workload.ComposeDefinition{Image: "x", Replicas: 1}},
		"stopped by replicas":       {`{"image":"x","deploy":{"replicas":0}}`, workload.ComposeDefinition{Image: "x", Replicas: 0}},
		"half a replica":            {`{"image":"x","scale":1.5}`, workload.ComposeDefinition{Image: "x", Replicas: 0}},
		"more than can be":          {`{"image":"x","scale":1e300}`, workload.ComposeDefinition{Image: "x", Replicas: 0}},
		"fewer than none":           {`{"image":"x","scale":"-1"}`, workload.ComposeDefinition{Image: "x", Replicas: 0}},
		"what names no variable":    {`{"image":"x","environment":["A B",7,null,"","9"]}`, workload.ComposeDefinition{Image: "x", Replicas: 1}},
		"nor in a map":              {`{"image":"x","environment":{"A B":null,"":null}}`, workload.ComposeDefinition{Image: "x", Replicas: 1}},
		"nothing of what is wanted": {`{}`, workload.ComposeDefinition{Image: "unidesk-sample", Replicas: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(project(tt.service), "unidesk", "sample")
			if err != nil {
				t.Fatal(err)
			}
			hash := cmp.Comparer(func(_, _ artifact.Digest) bool { return true }) // has a test of its own
			if d := cmp.Diff(tt.want, got, hash); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestADefinitionThatIsNone(t *testing.T) {
	t.Parallel()
	_, err := Parse(project(`{}`), "unidesk", "nobody")
	if fault.ReasonOf(err) != fault.WorkloadNotFound || !strings.HasSuffix(err.Error(), "it has: beside, sample") {
		t.Error(err)
	}
	_, err = Parse([]byte(`{"services":{"a":{},"\u001b[2J":{}}}`), "unidesk", "nobody")
	if err == nil || !strings.HasSuffix(err.Error(), "it has: a") {
		t.Errorf("%q", err)
	}
	for _, b := range []string{"", "hunter2", `{"services":{"sample":{"environment":"hunter2","image":7}}}`} {
		_, err := Parse([]byte(b), "unidesk", "sample")
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", b, err)
		}
	}
}

func TestADeployKeyIsReadBackFromItsLabel(t *testing.T) {
	t.Parallel()
	for text, c := range map[string]struct{ value, want string }{
		"${P_COMMIT:-}":               {"abc", "abc"},
		"$P_COMMIT":                   {"abc", "abc"},
		"${P_COMMIT:-${OTHER:-none}}": {"abc", "abc"},
		"at ${P_COMMIT}!":             {"at abc!", "abc"},
		"$$5 ${P_IMAGE}@${P_COMMIT}":  {"$5 x/y@abc", "abc"},
		"${P_COMMIT} of today":        {"abc of yesterday", ""},
		"${OTHER}":                    {"abc", ""},
		"${P_NOTHING}":                {"abc", ""},
	} {
		d := map[string]string{"l": text, "absent": text}
		if got := Keys(map[string]string{"l": c.value}, d, "P_")[workload.KeyCommit]; got != c.want {
			t.Errorf("%s as %s: %q, want %q", text, c.value, got, c.want)
		}
	}
	if Keys(nil, nil, "P_") == nil {
		t.Error("no label is the same as not compared")
	}
}

// The hash is of all that is declared, in whatever order it is printed.
func TestTheHashOfADeclaration(t *testing.T) {
	t.Parallel()
	hash := func(service string) string {
		d, err := Parse(project(service), "unidesk", "sample")
		if err != nil || d.Hash.IsZero() {
			t.Fatalf("%s: %s, %v", service, d.Hash, err)
		}
		return d.Hash.String()
	}
	one := hash(`{"image":"x","environment":{"A":"${A}","B":"1"},"ports":[80]}`)
	if two := hash(`{"ports": [80], "environment":{"B":"1","A":"${A}"},"image":"x"}`); two != one {
		t.Errorf("another order: %s and %s", one, two)
	}
	for _, other := range []string{
		`{"image":"x","environment":{"A":"${A}","B":"2"},"ports":[80]}`, `{"image":"x","environment":{"A":"${A}","B":"1"},"ports":[81]}`,
		`{"image":"x","environment":{"A":"${A}","B":"1"},"ports":[80],"privileged":true}`,
	} {
		if two := hash(other); two == one {
			t.Errorf("%s has the same hash", other)
		}
	}
}
