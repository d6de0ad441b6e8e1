package build

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestABuildIsNamed(t *testing.T) {
	t.Parallel()
	module := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	commit := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}, {Key: "vcs.time", Value: "2026-11-29T23:59:59Z"}}
	changed := append(commit[:2:2], debug.BuildSetting{Key: "vcs.modified", Value: "true"})
	on := ", " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
	for name, c := range map[string]struct {
		linked   string
		recorded *debug.BuildInfo
		want     string
	}{
		"a release":                   {"v1.2.3", module("v0.0.0-2026", commit...), "p v1.2.3, commit 0123456789ab of 2026-11-29" + on},
		"a checkout with changes":     {"", module("v0.0.0-2026+dirty", changed...), "p v0.0.0-2026+dirty, commit 0123456789ab with changes of 2026-11-29" + on},
		"without git":                 {"v1.2.3", module("(devel)"), "p v1.2.3, commit not recorded" + on},
		"without git and a version":   {"", module("(devel)"), "p devel, commit not recorded" + on},
		"a test":                      {"", module(""), "p devel, commit not recorded" + on},
		"of which nothing was noted":  {"", nil, "p devel, commit not recorded" + on},
		"of which the linker knows":   {"v1.2.3", nil, "p v1.2.3, commit not recorded" + on},
		"with a time of another form": {"", module("v1.0.0", commit[0], debug.BuildSetting{Key: "vcs.time", Value: "noon"}), "p v1.0.0, commit 0123456789ab" + on},
	} {
		if got := of(c.linked, c.recorded).Line("p"); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestTheSameVersion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		same bool
	}{{"v1.2.3", "v1.2.3", true}, {"v1.2.3", "v1.2.4", false}, {"(devel)", "devel", true}, {"v1.2.3", "", false}} {
		if Same(c.a, c.b) != c.same {
			t.Errorf("%q and %q: the same is %t, want %t", c.a, c.b, !c.same, c.same)
		}
	}
}
