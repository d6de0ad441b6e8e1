package compose

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
)

// Unread are the Compose files that Compose reads when it is run by hand in the
// project's folder, or that a container of the service was made from, and that the
// configuration does not name.
func (c Config) Unread(found ...engine.Container) (list []string) {
	byHand := c.byHand()
	for _, one := range found {
		byHand = append(byHand, strings.Split(one.Labels["com.docker.compose.project.config_files"], ",")...)
	}
	ours := c.files()
	for _, name := range byHand {
		if name == "" || name == "-" {
			continue
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(c.Root, name)
		}
		info, err := os.Stat(name)
		same := func(file string) bool {
			one, err := os.Stat(file)
			return err == nil && os.SameFile(one, info)
		}
		if err == nil && !slices.ContainsFunc(ours, same) && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// byHand are the files that Compose finds by itself.
func (c Config) byHand() (list []string) {
	if env, err := envfile.Load(filepath.Join(c.Root, ".env")); err == nil {
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
			if _, err := os.Stat(filepath.Join(c.Root, name)); err == nil {
				list = append(list, name)
				break
			}
		}
	}
	return list
}
