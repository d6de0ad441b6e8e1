package schema_test

import (
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/schema"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/schema/schematest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// printed is a value as a command prints it.
func printed(t *testing.T, v any) string {
	t.Helper()
	var out strings.Builder
	answer := present.NewAnswer(present.ExitOK, v, func(io.Writer, any) error { return nil })
	if err := answer.Print(&out, "json"); err != nil {
		t.Fatalf("%T: %v", v, err)
	}
	return out.String()
}

// The schema of a command fits each value of the types that it answers with: with nothing in
// it, and with something in each field, each list and each map.
func TestASchemaFitsEachValue(t *testing.T) {
	t.Parallel()
	for _, command := range schema.Commands() {
		for _, answer := range append(schema.Answers(command), reflect.TypeFor[present.Refusal]()) {
			full := reflect.New(answer).Elem()
			fill(full, 0)
			empty := reflect.New(answer).Elem()
			if f := empty.FieldByName("Failure"); answer == reflect.TypeFor[present.Refusal]() {
				f.Set(full.FieldByName("Failure")) // a refusal has a failure
			}
			for _, v := range []reflect.Value{empty, full} {
				if err := schematest.Check(command, []byte(printed(t, v.Interface()))); err != nil {
					t.Errorf("%s: %v", answer, err)
				}
			}
		}
	}
}

// fill puts something into each field that can be set.
func fill(v reflect.Value, depth int) {
	if u, ok := v.Addr().Interface().(interface{ UnmarshalText([]byte) error }); ok {
		for _, text := range []string{strings.Repeat("a", 40), "sha256:" + strings.Repeat("b", 64), "prod", "127.0.0.1:5000", "a/b", "frontend", "2026-01-02T03:04:05Z", "1"} {
			if u.UnmarshalText([]byte(text)) == nil {
				return
			}
		}
		return
	}
	if depth > 9 || v.Type() == reflect.TypeFor[time.Time]() {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for f, field := range v.Fields() {
			if f.IsExported() {
				fill(field, depth+1)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth+1)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth+1)
		fill(value, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1.5)
	}
}

// A key that a schema does not have is found.
func TestADocumentThatLiesIsFound(t *testing.T) {
	t.Parallel()
	const well = `{"schemaVersion":1,"ok":true,"items":[{"command":"status"}]}`
	if err := schematest.Check("schema", []byte(well)); err != nil {
		t.Fatal(err)
	}
	for name, lie := range map[string]string{
		"no version":           strings.Replace(well, `"schemaVersion":1,`, "", 1),
		"another version":      strings.Replace(well, ":1", ":2", 1),
		"the version at last":  `{"ok":true,"items":[],"schemaVersion":1}`,
		"no ok":                strings.Replace(well, `"ok":true,`, "", 1),
		"a key too many":       strings.Replace(well, `"ok"`, `"more":1,"ok"`, 1),
		"a key too many below": strings.Replace(well, `{"command"`, `{"more":1,"command"`, 1),
		"a key is missing":     strings.Replace(well, `"command":"status"`, "", 1),
		"another type":         strings.Replace(well, `"status"`, "1", 1),
		"null for a list":      `{"schemaVersion":1,"ok":true,"items":null}`,
		"an array":             "[]",
	} {
		if err := schematest.Check("schema", []byte(lie)); err == nil {
			t.Errorf("%s: %s fits", name, lie)
		}
	}
}

func TestWhatPrintsNoJSONHasNoSchema(t *testing.T) {
	t.Parallel()
	for _, words := range []string{"watch", "history shw", "", "host"} {
		if _, err := schema.Of(words); fault.ReasonOf(err) != fault.Usage {
			t.Errorf("%q: %v", words, err)
		}
	}
}

// The page that scripts are written by names each key.
func TestThePageNamesEachKey(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../../docs/output.md")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := schematest.Keys()
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, key := range append(keys, "schemaVersion") {
		if !strings.Contains(string(page), "`"+key+"`") && !strings.Contains(string(page), "."+key+"`") {
			missing = append(missing, key)
		}
	}
	if len(keys) < 200 || len(missing) > 0 {
		t.Errorf("of %d keys docs/output.md does not name %q", len(keys), missing)
	}
}
