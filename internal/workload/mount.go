package workload

import (
	"path"
	"slices"
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
	return strings.TrimSpace(m.Kind+" "+m.Source) + " on " + m.Target
}

// Hides reports whether the mount lies over a path: on it, or on a folder above it.
func (m Mount) Hides(name string) bool {
	target := path.Clean(m.Target)
	return name == target || strings.HasPrefix(name, strings.TrimSuffix(target, "/")+"/")
}

// WorkFolder stands in [Programs] for the working folder of the image.
const WorkFolder = "."

// Programs returns the absolute paths that a program is taken from: its own, those
// among its arguments, and the working folder if it or an argument may be relative to
// that. A program that is looked for in the image's folders of programs stands for
// these. With no working folder known, [WorkFolder] stands for it.
func Programs(argv []string, folder string) (paths []string) {
	relative := false
	for i, word := range argv {
		switch {
		case strings.HasPrefix(word, "/"):
			if pathForm.MatchString(word) { // a longer line that begins so is no path, and may hold a secret
				paths = append(paths, path.Clean(word))
			}
		case i == 0 && !strings.Contains(word, "/"):
			paths = append(paths, "/usr/local/bin", "/usr/bin", "/bin")
		case strings.HasPrefix(word, "-"):
		default:
			relative = true
		}
	}
	if folder == "" {
		folder = WorkFolder
	}
	if relative && folder != "/" {
		paths = append(paths, folder)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
