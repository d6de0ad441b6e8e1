// Package build knows from which build of this project the running program is. Both programs
// print it in the same form, and the agent reports its version to the controller.
package build

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// version is set by the linker: -X github.com/pikasTech/unidesk-artifact-cd/internal/build.version=v1.2.3.
var version string

// unversioned is the version of a program that was built without a version and without git.
const unversioned = "devel"

// Info is what is known of a build. Commit and CommitDate are zero if Go did not find the
// checkout that it built.
type Info struct {
	Version    string    `json:"version"`
	Commit     string    `json:"commit,omitempty"`
	CommitDate time.Time `json:"commitDate,omitzero"`
	// Modified means that the checkout differed from the commit.
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

// Read returns the build of the running program.
func Read() Info {
	recorded, _ := debug.ReadBuildInfo()
	return of(version, recorded)
}

// of joins the linker's version with what Go recorded, which may be nil.
func of(linked string, recorded *debug.BuildInfo) Info {
	info := Info{Version: linked, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if recorded == nil {
		info.Version = cmp.Or(linked, unversioned)
		return info
	}
	if module := recorded.Main.Version; linked == "" && module != "(devel)" {
		info.Version = module
	}
	info.Version = cmp.Or(info.Version, unversioned)
	for _, s := range recorded.Settings {
		switch s.Key {
		case "vcs.revision":
			info.Commit = s.Value
		case "vcs.time":
			info.CommitDate, _ = time.Parse(time.RFC3339, s.Value)
		case "vcs.modified":
			info.Modified = s.Value == "true"
		}
	}
	return info
}

// Same reports whether two versions are the same. Agents before 0.1.0 report Go's own
// "(devel)" for a build without a version.
func Same(a, b string) bool { return strings.Trim(a, "()") == strings.Trim(b, "()") }

// Line returns the build of a program as a line for people.
func (i Info) Line(program string) string {
	commit := "commit not recorded"
	if i.Commit != "" {
		commit = fmt.Sprintf("commit %.12s", i.Commit)
		if i.Modified {
			commit += " with changes"
		}
		if !i.CommitDate.IsZero() {
			commit += " of " + i.CommitDate.UTC().Format(time.DateOnly)
		}
	}
	return fmt.Sprintf("%s %s, %s, %s %s/%s", program, i.Version, commit, i.Go, i.OS, i.Arch)
}
