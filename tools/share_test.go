package tools_test

import (
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Each run leaves out about two of three long tests, and others each time, so that in a
// while each has been tried. None is left out of a whole run.
func TestAShareLeavesOutOthersEachTime(t *testing.T) {
	t.Parallel()
	share := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("./share.sh", args...).Output()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	if all := share(); all != "" {
		t.Errorf("a whole run leaves out %s", all)
	}
	left := map[string]int{}
	const runs = 30
	for i := range runs {
		pattern := share("-share", "3", "-of", "commit "+strconv.Itoa(i))
		skips, err := regexp.Compile(pattern)
		if err != nil {
			t.Fatal(err)
		}
		names := strings.Split(strings.TrimSuffix(strings.TrimPrefix(pattern, "^("), `)\b`), "|")
		for _, name := range names {
			left[name]++
			if !skips.MatchString(name) || skips.MatchString(name+"Too") {
				t.Errorf("%s is not what is left out", name)
			}
		}
	}
	if len(left) < 100 {
		t.Fatalf("only %d long tests", len(left))
	}
	for name, n := range left {
		if n == runs {
			t.Errorf("%s was left out of each of %d runs", name, runs)
		}
	}
}
