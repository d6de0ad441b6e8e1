package site

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
)

// Wanted returns the commits that the configured deploy.json wants in an environment,
// by service.
func Wanted(configDir string, env artifact.Env) (map[string]string, error) {
	c, err := LoadConfig(configDir)
	if err != nil {
		return nil, err
	}
	return unidesk.Wanted(c.Master.Root, c.Master.Deploy, env)
}
