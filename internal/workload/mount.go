package workload

import (
	"path"
	"strings"
)

// Mount is what a container has in the place of a folder or file of its image.
type Mount struct {
	// Kind is "volume", "bind", "tmpfs" or what else the runtime calls it.
	Kind string `json:"kind"`
	// Source is the volume's name or the host's path, "" if there is none.
	Source string `json:"source,omitempty"`
	// Target is the absolute path in the container.
	Target string `json:"target"`
}

// String returns what is mounted, and where, for a sentence.
func (m Mount) String() string {
	return strings.TrimSpace(m.Kind+" "+m.Short()) + " on " + m.Target
}

// Short is the source for people.
func (m Mount) Short() string {
	const anonymous = 64 // hex digits of the name that the engine gives
	if len(m.Source) == anonymous && !strings.Contains(m.Source, "/") {
		return ShortID(m.Source)
	}
	return m.Source
}

// Hides reports whether the mount lies over a path: on it, or on a folder above it.
func (m Mount) Hides(name string) bool {
	target := path.Clean(m.Target)
	return name == target || strings.HasPrefix(name, strings.TrimSuffix(target, "/")+"/")
}

// Hiding returns the first mount that lies over any of the paths, and the path; false if
// none does.
func Hiding(mounts []Mount, paths []string) (m Mount, name string, found bool) {
	for _, m := range mounts {
		for _, name := range paths {
			if m.Hides(name) {
				return m, name, true
			}
		}
	}
	return Mount{}, "", false
}
