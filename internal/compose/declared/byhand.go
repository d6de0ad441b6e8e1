package declared

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
)

// ByHand returns the files that Compose finds by itself in a project's folder.
func ByHand(root string) (list []string) {
	if env, err := envfile.Load(filepath.Join(root, ".env")); err == nil {
		if files, set := env.Lookup("COMPOSE_FILE"); set && files != "" {
			separator, _ := env.Lookup("COMPOSE_PATH_SEPARATOR")
			if separator == "" {
				separator = ":"
			}
			return strings.Split(files, separator)
		}
	}
	// The names under which Compose looks for its files; of each kind the first that is
	// there counts (compose-go cli/options.go).
	for _, names := range [][4]string{
		{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"},
		{"compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"},
	} {
		for _, name := range names {
			if _, err := os.Stat(filepath.Join(root, name)); err == nil {
				list = append(list, name)
				break
			}
		}
	}
	return list
}
