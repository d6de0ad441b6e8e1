// Package unidesk reads the user's own JSON files, leniently: what this project
// does not know in them is none of its business, and their other values (they
// hold credentials) never leave this package.
package unidesk

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// EnvFilePointer is where config.json names the controlled env file.
const EnvFilePointer = "providerGateway.upgrade.composeEnvFile"

// AuthPointer is where config.json keeps what people sign in with.
const AuthPointer = "auth"

// EnvFile returns the path of the env file that config.json in the UniDesk root
// points at; a relative one is relative to the root.
func EnvFile(root, config string) (string, error) {
	path := in(root, config)
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fault.New(fault.ConfigInvalid, "read UniDesk's configuration: %w", err)
	}
	var c struct {
		ProviderGateway struct {
			Upgrade struct {
				ComposeEnvFile string `json:"composeEnvFile"`
			} `json:"upgrade"`
		} `json:"providerGateway"`
	}
	if err := json.Unmarshal(content, &c); err != nil {
		// The decoder's own message may quote the file, which holds credentials.
		return "", fault.New(fault.ConfigInvalid, "%s is not valid JSON%s", path, position(err))
	}
	envFile := c.ProviderGateway.Upgrade.ComposeEnvFile
	if envFile == "" {
		return "", fault.New(fault.ConfigInvalid, "%s has no %s", path, EnvFilePointer)
	}
	return in(root, envFile), nil
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
