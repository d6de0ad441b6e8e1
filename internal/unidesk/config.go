// Package unidesk reads the user's own JSON files, leniently: what this project
// does not know in them is none of its business, and their other values (they
// hold credentials) never leave this package.
package unidesk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// EnvFilePointer is where config.json names the controlled env file.
const EnvFilePointer = "providerGateway.upgrade.composeEnvFile"

// AuthPointer is where config.json keeps what people sign in with.
const AuthPointer = "auth"

// EnvFile returns the path of the env file that config.json in the UniDesk root points
// at; a relative path is relative to the root.
func EnvFile(root, config string) (string, error) {
	path := in(root, config)
	var c struct {
		ProviderGateway struct {
			Upgrade struct {
				ComposeEnvFile string `json:"composeEnvFile"`
			} `json:"upgrade"`
		} `json:"providerGateway"`
	}
	if err := read(path, &c); err != nil {
		return "", err
	}
	envFile := c.ProviderGateway.Upgrade.ComposeEnvFile
	if envFile == "" {
		return "", fault.New(fault.ConfigInvalid, "%s has no %s", path, EnvFilePointer)
	}
	return in(root, envFile), nil
}

// Auth returns the texts, numbers and booleans of the object [AuthPointer], each as
// the text that it is. others are its keys with any other value, null too. A file
// without the object has none.
func Auth(root, config string) (values map[string]string, others []string, err error) {
	path := in(root, config)
	var c struct {
		Auth map[string]json.RawMessage `json:"auth"`
	}
	if err := read(path, &c); err != nil {
		return nil, nil, err
	}
	values = make(map[string]string, len(c.Auth))
	for key, raw := range c.Auth {
		var text string
		switch raw[0] {
		case '{', '[', 'n': // an object, a list, null
			others = append(others, key)
			continue
		case '"':
			if err := json.Unmarshal(raw, &text); err != nil {
				return nil, nil, fault.New(fault.ConfigInvalid, "%s: %s.%s is not a text", path, AuthPointer, key)
			}
		default:
			text = string(raw)
		}
		values[key] = text
	}
	slices.Sort(others)
	return values, others, nil
}

// read decodes the file into v. What v does not name is ignored.
func read(path string, v any) error {
	content, err := statefile.ReadFile(path, statefile.Most)
	if err != nil {
		f := fault.New(fault.ConfigInvalid, "read UniDesk's configuration: %w", err)
		if errors.Is(err, fs.ErrPermission) {
			return f.WithHint("%s", statefile.Admission(path))
		}
		return f.WithHint("put UniDesk's config.json there, or name it in controller.yaml (master.root, master.config)")
	}
	if err := json.Unmarshal(content, v); err != nil {
		// The decoder's own message may quote the file, which holds credentials.
		return fault.New(fault.ConfigInvalid, "%s is not valid JSON%s", path, position(err))
	}
	return nil
}

func position(err error) string {
	switch e := err.(type) { //nolint:errorlint // json.Unmarshal returns these unwrapped
	case *json.SyntaxError:
		return fmt.Sprintf(" (at byte %d)", e.Offset)
	case *json.UnmarshalTypeError:
		return fmt.Sprintf(" (%s has another type, at byte %d)", e.Field, e.Offset)
	}
	return ""
}
