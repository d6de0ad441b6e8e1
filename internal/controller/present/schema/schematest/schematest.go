// Package schematest is test support: it compares what a command prints with the schema of that
// command. The product does not import it.
package schematest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/schema"
)

// Check returns why a document does not fit the schema of a command: it does not begin
// with the version, breaks the schema, or has a key that the schema does not name.
func Check(command string, document []byte) error {
	text, err := schema.Of(command)
	if err != nil {
		return err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, document); err != nil {
		return err
	}
	if !strings.HasPrefix(compact.String(), `{"schemaVersion":1,"`) {
		return fmt.Errorf("%s: it does not begin with the version: %s", command, document)
	}
	if err := validate(text, compact.Bytes()); err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, document)
	}
	var closed map[string]any
	if err := json.Unmarshal(text, &closed); err != nil {
		return err
	}
	closed["required"] = []string{"ok"}
	delete(closed, "properties") // what is left of them are those of its answers
	closeObjects(closed["$defs"])
	text, err = json.Marshal(closed)
	if err != nil {
		return err
	}
	rest := "{" + strings.TrimPrefix(compact.String(), `{"schemaVersion":1,`)
	if err := validate(text, []byte(rest)); err != nil {
		return fmt.Errorf("%s: with a key that is in no schema: %w: %s", command, err, document)
	}
	return nil
}

// Documents returns the documents in what a command printed, one after another.
func Documents(printed []byte) (all [][]byte, err error) {
	d := json.NewDecoder(bytes.NewReader(printed))
	for d.More() {
		var one json.RawMessage
		if err := d.Decode(&one); err != nil {
			return all, err
		}
		all = append(all, one)
	}
	return all, nil
}

// Keys returns the names of all keys in the schemas of all commands, sorted.
func Keys() (keys []string, err error) {
	for _, command := range schema.Commands() {
		text, err := schema.Of(command)
		if err != nil {
			return nil, err
		}
		var s struct {
			Defs map[string]struct {
				Properties map[string]any `json:"properties"`
			} `json:"$defs"`
		}
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, err
		}
		for _, one := range s.Defs {
			for key := range one.Properties {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// closeObjects lets no object have a key that its schema does not name.
func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["properties"].(map[string]any); ok && v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, one := range v {
			closeObjects(one)
		}
	case []any:
		for _, one := range v {
			closeObjects(one)
		}
	}
}

func validate(schemaText, document []byte) error {
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaText))
	if err != nil {
		return err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", parsed); err != nil {
		return err
	}
	compiled, err := c.Compile("schema.json")
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return err
	}
	return compiled.Validate(value)
}
