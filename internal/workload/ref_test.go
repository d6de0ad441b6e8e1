package workload_test

import (
	"encoding"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/hostile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

var (
	_ encoding.TextMarshaler   = workload.Ref{}
	_ encoding.TextUnmarshaler = (*workload.Ref)(nil)
)

func TestARefReadsBackAsItself(t *testing.T) {
	t.Parallel()
	seen := map[workload.Ref]bool{}
	for text, c := range map[string]struct {
		runtime     workload.Runtime
		scope, name string
	}{
		"compose-unidesk.baidu-netdisk":           {workload.Compose, "unidesk", "baidu-netdisk"},
		"compose-a-b.c":                           {workload.Compose, "a-b", "c"},
		"compose-a.b-c":                           {workload.Compose, "a", "b-c"},
		"compose-a.b.c":                           {workload.Compose, "a", "b.c"},
		"compose-a.Web_1.0":                       {workload.Compose, "a", "Web_1.0"},
		"compose-compose-x.compose-x":             {workload.Compose, "compose-x", "compose-x"},
		"compose-0_-.0":                           {workload.Compose, "0_-", "0"},
		"kubernetes-unidesk.code-queue":           {workload.Kubernetes, "unidesk", "code-queue"},
		"kubernetes-a.c":                          {workload.Kubernetes, "a", "c"},
		"compose-" + long(63) + "." + long(128):   {workload.Compose, long(63), long(128)},
		"kubernetes-" + long(63) + "." + long(63): {workload.Kubernetes, long(63), long(63)},
	} {
		ref, err := workload.NewRef(c.runtime, c.scope, c.name)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if ref.Runtime() != c.runtime || ref.Scope() != c.scope || ref.Name() != c.name || ref.IsZero() || ref.String() != text {
			t.Errorf("%q is %q of %q of %q", ref, ref.Name(), ref.Scope(), ref.Runtime())
		}
		if back, err := workload.ParseRef(text); err != nil || back != ref {
			t.Errorf("%s reads back as %s, %v", text, back, err)
		}
		b, err := ref.MarshalText()
		if err != nil || string(b) != text {
			t.Errorf("%s is %q as text, %v", text, b, err)
		}
		back := workload.Ref{}
		if err := back.UnmarshalText(b); err != nil || back != ref {
			t.Errorf("%s reads back as %s, %v", text, back, err)
		}
		seen[ref] = true
	}
	if len(seen) != 11 {
		t.Errorf("%d names, some of them are the same", len(seen))
	}
}

func long(n int) string { return strings.Repeat("a", n) }

func TestARefSurvivesJSON(t *testing.T) {
	t.Parallel()
	type doc struct {
		Ref, None workload.Ref
		By        map[workload.Ref]int
	}
	ref, err := workload.NewRef(workload.Compose, "unidesk", "web")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(doc{Ref: ref, By: map[workload.Ref]int{ref: 1}})
	if want := `{"Ref":"compose-unidesk.web","None":"","By":{"compose-unidesk.web":1}}`; err != nil || string(b) != want {
		t.Fatalf("%s, %v, want %s", b, err, want)
	}
	out := doc{None: ref} // what is there before does not stay
	if err := json.Unmarshal(b, &out); err != nil || out.Ref != ref || !out.None.IsZero() || out.By[ref] != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	if err := json.Unmarshal([]byte(`{"Ref":"compose-../x.web"}`), &out); fault.ReasonOf(err) != fault.InvalidRequest || !out.Ref.IsZero() {
		t.Errorf("%+v, %v", out.Ref, err)
	}
}

func TestABadNameIsNoRef(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		runtime     workload.Runtime
		scope, name string
	}{
		"no runtime":                         {"", "unidesk", "web"},
		"another runtime":                    {"podman", "unidesk", "web"},
		"a runtime in upper case":            {"Compose", "unidesk", "web"},
		"no project":                         {workload.Compose, "", "web"},
		"no service":                         {workload.Compose, "unidesk", ""},
		"a project with a dash first":        {workload.Compose, "-unidesk", "web"},
		"a service with a dash first":        {workload.Compose, "unidesk", "-web"},
		"a service that is a flag":           {workload.Compose, "unidesk", "--force-recreate"},
		"a service with a dot first":         {workload.Compose, "unidesk", ".web"},
		"a folder up":                        {workload.Compose, "unidesk", ".."},
		"a project with a dot":               {workload.Compose, "uni.desk", "web"},
		"a project in upper case":            {workload.Compose, "Unidesk", "web"},
		"a project of 64 letters":            {workload.Compose, long(64), "web"},
		"a service of 129 letters":           {workload.Compose, "unidesk", long(129)},
		"a project with a slash":             {workload.Compose, "uni/desk", "web"},
		"a service with a slash":             {workload.Compose, "unidesk", "we/b"},
		"a project with a blank":             {workload.Compose, "uni desk", "web"},
		"a service with a blank":             {workload.Compose, "unidesk", "we b"},
		"a project that is a blank":          {workload.Compose, " ", "web"},
		"a line break at the end":            {workload.Compose, "unidesk", "web\n"},
		"a line break after the project":     {workload.Compose, "unidesk\n", "web"},
		"a letter that only looks like it":   {workload.Compose, "unidesk", "wеb"},
		"no namespace":                       {workload.Kubernetes, "", "web"},
		"a namespace with a dash first":      {workload.Kubernetes, "-unidesk", "web"},
		"a namespace with a dash last":       {workload.Kubernetes, "unidesk-", "web"},
		"a namespace with a dot":             {workload.Kubernetes, "uni.desk", "web"},
		"a namespace with a low line":        {workload.Kubernetes, "uni_desk", "web"},
		"a namespace of 64 letters":          {workload.Kubernetes, long(64), "web"},
		"a Kubernetes service with a dot":    {workload.Kubernetes, "unidesk", "we.b"},
		"a Kubernetes service in upper case": {workload.Kubernetes, "unidesk", "Web"},
		"a Kubernetes service of 64 letters": {workload.Kubernetes, "unidesk", long(64)},
	} {
		ref, err := workload.NewRef(c.runtime, c.scope, c.name)
		if fault.ReasonOf(err) != fault.InvalidRequest || !ref.IsZero() {
			t.Errorf("%s: %q, %v", name, ref, err)
		}
		// With a dot in the project it is another workload's name, whose project ends there.
		text := string(c.runtime) + "-" + c.scope + "." + c.name
		if ref, err := workload.ParseRef(text); err == nil && name != "a project with a dot" {
			t.Errorf("%s: %q parses as %q", name, text, ref)
		}
	}
	for _, text := range []string{"", "none", "compose", "compose-", "compose.", "compose-unidesk", "compose.unidesk-web", "-unidesk.web", "unidesk.web", "compose-.web", "compose-unidesk."} {
		if ref, err := workload.ParseRef(text); fault.ReasonOf(err) != fault.InvalidRequest || !ref.IsZero() {
			t.Errorf("%q: %s, %v", text, ref, err)
		}
	}
}

func TestTheZeroRefNamesNothing(t *testing.T) {
	t.Parallel()
	var zero workload.Ref
	if !zero.IsZero() || zero.Runtime() != "" || zero.Scope() != "" || zero.Name() != "" || zero.String() != "none" {
		t.Errorf("%q is %q of %q of %q", zero, zero.Name(), zero.Scope(), zero.Runtime())
	}
	if b, err := zero.MarshalText(); err != nil || len(b) > 0 {
		t.Errorf("%q, %v", b, err)
	}
	ref, err := workload.NewRef(workload.Compose, "unidesk", "web")
	if err != nil {
		t.Fatal(err)
	}
	if err := ref.UnmarshalText(nil); err != nil || ref != zero {
		t.Errorf("%s, %v", ref, err)
	}
}

// Whatever is given as a name of any kind: it is refused in words that a terminal
// can show, or it is a file's name that reads back.
func TestNothingHostileIsARef(t *testing.T) {
	t.Parallel()
	try := func(value string, ref workload.Ref, err error) {
		switch {
		case err != nil:
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) || len(err.Error()) > 2000 || !ref.IsZero() {
				t.Errorf("%.60q: %.100q, %.300q", value, ref, err)
			}
		case strings.ContainsFunc(ref.String(), func(r rune) bool { return !strings.ContainsRune(letters+"-_.", r) }):
			t.Errorf("%.60q is %.100q", value, ref)
		default:
			if back, err := workload.ParseRef(ref.String()); err != nil || back != ref {
				t.Errorf("%.60q is %.100q, which reads back as %.100q, %.300q", value, ref, back, err)
			}
		}
	}
	for _, v := range hostile.Values() {
		for _, r := range []workload.Runtime{workload.Compose, workload.Kubernetes} {
			ref, err := workload.NewRef(r, v, "web")
			try(v, ref, err)
			ref, err = workload.NewRef(r, "unidesk", v)
			try(v, ref, err)
		}
		ref, err := workload.NewRef(workload.Runtime(v), "unidesk", "web")
		try(v, ref, err)
		ref, err = workload.ParseRef(v)
		try(v, ref, err)
		ref, err = workload.ParseRef("compose-unidesk." + v)
		try(v, ref, err)
	}
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
