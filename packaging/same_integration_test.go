//go:build integration

package packaging_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Another build of a commit, elsewhere, has the bytes that were published.
func TestTwoBuildsOfACommitAreTheSameBytes(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	build := func(folder string, env ...string) map[string]string {
		dir := filepath.Join(home, folder)
		for _, command := range [][]string{
			{"git", "clone", "-q", "--shared", "..", dir},
			{"make", "-C", dir, "-s", "build", "deb", "VERSION=v1.2.3"},
		} {
			cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-c", `umask "$UMASK" && exec "$@"`, "sh"}, command...)...)
			cmd.Env = append(append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL="), env...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %v\n%s", command, err, out)
			}
		}
		sums := map[string]string{}
		for _, pattern := range []string{"bin/*", "dist/*.deb"} {
			files, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range files {
				f, err := os.Open(name)
				if err != nil {
					t.Fatal(err)
				}
				h := sha256.New()
				_, err = io.Copy(h, f)
				_ = f.Close()
				if err != nil {
					t.Fatal(err)
				}
				sums[filepath.Base(name)] = fmt.Sprintf("%x", h.Sum(nil))
			}
		}
		return sums
	}
	first := build("first", "UMASK=022", "TZ=UTC")
	second := build("second/in-another-place", "UMASK=077", "TZ=Asia/Tokyo")
	if len(first) != 4 || len(second) != 4 {
		t.Fatalf("want two programs and two packages: %v, %v", first, second)
	}
	for name, sum := range first {
		if second[name] != sum {
			t.Errorf("%s is %s, and built again %s", name, sum, second[name])
		}
	}
}
