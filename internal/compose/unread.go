package compose

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/compose/declared"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
)

// Unread are the Compose files that Compose reads when it is run by hand in the
// project's folder, or that a container of the service was made from, and that the
// configuration does not name.
func (c Config) Unread(found ...engine.Container) (list []string) {
	byHand := declared.ByHand(c.Root)
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
