package schema

import (
	"encoding"
	"encoding/json"
	"path"
	"reflect"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/document"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Of returns the schema of what a command prints with -o json. USAGE if it prints no JSON.
func Of(command string) ([]byte, error) {
	answers := answersOf(command)
	if answers == nil {
		return nil, fault.New(fault.Usage, "%q is no command that prints JSON", command).
			WithHint("`unidesk-controller schema` lists them")
	}
	d := definitions{}
	refused := d.of(reflect.TypeFor[present.Refusal]())
	root := &jsonschema.Schema{
		Version:     jsonschema.Version,
		Title:       present.Program + " " + command + " -o json",
		Description: "What the command prints. The page output.md says what each key means; keys may be added within a version.",
		Type:        "object", Required: []string{"schemaVersion", "ok"}, Properties: jsonschema.NewProperties(),
	}
	root.Properties.Set("schemaVersion", &jsonschema.Schema{Const: document.Version})
	for _, t := range answers {
		root.AnyOf = append(root.AnyOf, d.of(t))
	}
	root.AnyOf = append(root.AnyOf, refused)
	root.Definitions = jsonschema.Definitions(d)
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fault.New(fault.Internal, "print the schema of %s: %w", command, err)
	}
	return append(out, '\n'), nil
}

// definitions are the schemas of types, by name.
type definitions jsonschema.Definitions

// of returns the schema of a type, and keeps those of the types in it.
func (d definitions) of(t reflect.Type) *jsonschema.Schema {
	r := jsonschema.Reflector{Anonymous: true, AllowAdditionalProperties: true, Namer: name, Mapper: text}
	s := r.ReflectFromType(t)
	for name, one := range s.Definitions {
		d[name] = one
	}
	s.Version, s.Definitions = "", nil
	return s
}

// text returns the schema of a type whose JSON is a text that it makes by itself, nil for
// others. The reflector knows a time.
func text(t reflect.Type) *jsonschema.Schema {
	if t != reflect.TypeFor[time.Time]() && reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return &jsonschema.Schema{Type: "string"}
	}
	return nil
}

// name is a type's with its package, "" for a type that has none.
func name(t reflect.Type) string {
	if t.Name() == "" {
		return ""
	}
	base, of, generic := strings.Cut(t.Name(), "[")
	if generic {
		base += "-" + path.Base(strings.TrimSuffix(of, "]"))
	}
	return path.Base(t.PkgPath()) + "." + base
}
