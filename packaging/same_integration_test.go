//go:build integration

package packaging_test

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// run runs a program in a folder, with the umask and the settings of an account.
func run(t *testing.T, dir, umask string, env []string, words ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-c", "umask " + umask + ` && exec "$@"`, "sh"}, words...)...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL="), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", words, err, out)
	}
	return string(out)
}

// sums returns the hash of each file that the patterns find, by name.
func sums(t *testing.T, dir string, patterns ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range patterns {
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
			all[filepath.Base(name)] = fmt.Sprintf("%x", h.Sum(nil))
		}
	}
	return all
}

// Another build of a commit, elsewhere, has the bytes that were published; what is published is
// whole, and as Debian wants a package.
func TestARelease(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	build := func(folder, umask string, env ...string) string {
		dir := filepath.Join(home, folder)
		run(t, ".", umask, env, "git", "clone", "-q", "--shared", "..", dir)
		run(t, ".", umask, env, "make", "-C", dir, "-s", "build", "release", "VERSION=v1.2.3")
		return dir
	}
	first := build("first", "022", "TZ=UTC", "LC_ALL=C")
	t.Run("is the same bytes each time", func(t *testing.T) {
		second := build("second/in-another-place", "077", "TZ=Asia/Tokyo", "LC_ALL=C.UTF-8", "GOFLAGS=-buildvcs=auto")
		was, is := sums(t, first, "bin/*", "dist/*"), sums(t, second, "bin/*", "dist/*")
		if len(was) != 9 || len(is) != 9 {
			t.Fatalf("want two programs, four packages, two tarballs and their sums: %v, %v", was, is)
		}
		for name, sum := range was {
			if is[name] != sum {
				t.Errorf("%s is %s, and built again %s", name, sum, is[name])
			}
		}
	})
	t.Run("has the sums of what it has", func(t *testing.T) {
		if out := run(t, filepath.Join(first, "dist"), "022", nil, "sha256sum", "--check", "--strict", "SHA256SUMS"); strings.Count(out, ": OK\n") != 6 {
			t.Errorf("want four packages and two tarballs:\n%s", out)
		}
	})
	t.Run("has tarballs with all of it", func(t *testing.T) {
		for _, arch := range []string{"amd64", "arm64"} {
			name := "unidesk-v1.2.3-linux-" + arch
			files := listed(t, filepath.Join(first, "dist", name+".tar.gz"))
			for _, path := range append(pagesOfDocs(t), "bin/unidesk-controller", "bin/unidesk-agent", "share/man/man1/unidesk-controller.1.gz", "share/man/man1/unidesk-controller-history-show.1.gz",
				"share/man/man1/unidesk-agent.1.gz", "share/man/man5/unidesk-agent.yaml.5.gz", "share/bash-completion/completions/unidesk-controller",
				"share/zsh/site-functions/_unidesk-controller", "share/fish/vendor_completions.d/unidesk-controller.fish", "lib/systemd/system/unidesk-controller.service",
				"lib/systemd/system/unidesk-page.service", "lib/systemd/system/unidesk-page.socket",
				"share/unidesk/prometheus/unidesk.rules.yml", "share/unidesk/grafana/unidesk.json", "share/doc/unidesk-controller/LICENSE", "share/doc/unidesk-controller/CHANGELOG.md", "share/doc/unidesk-controller/examples/controller.yaml") {
				if _, there := files[name+"/"+path]; !there {
					t.Errorf("%s has no %s", name, path)
				}
			}
			for path, mode := range files {
				if want := map[bool]int64{true: 0o755, false: 0o644}[strings.HasSuffix(path, "/") || strings.Contains(path, "/bin/")]; mode != want {
					t.Errorf("%s has %s with mode %o, want %o", name, path, mode, want)
				}
			}
		}
	})
	t.Run("has a program that names its build", func(t *testing.T) {
		dir := t.TempDir()
		run(t, dir, "022", nil, "tar", "-xzf", filepath.Join(first, "dist", "unidesk-v1.2.3-linux-"+runtime.GOARCH+".tar.gz"), "--strip-components", "1")
		commit := strings.TrimSpace(run(t, first, "022", nil, "git", "rev-parse", "--short=12", "HEAD"))
		for _, program := range []string{"unidesk-agent", "unidesk-controller"} {
			want := regexp.MustCompile("^" + program + ` v1\.2\.3, commit ` + commit + ` of \d{4}-\d\d-\d\d, go`)
			if out := run(t, dir, "022", nil, "bin/"+program, "--version"); !want.MatchString(out) {
				t.Errorf("%q, want %s", out, want)
			}
		}
	})
	t.Run("has packages in which lintian finds nothing", func(t *testing.T) {
		if out := run(t, filepath.Join(first, "dist"), "022", nil, "sh", "-c", "lintian --allow-root --fail-on error,warning *_"+runtime.GOARCH+".deb"); strings.TrimSpace(out) != "" {
			t.Errorf("it prints\n%s", out)
		}
	})
}

// pagesOfDocs are the paths of all pages of docs in a tarball.
func pagesOfDocs(t *testing.T) (paths []string) {
	t.Helper()
	for _, pattern := range []string{"../docs/*.md", "../docs/*.yaml", "../docs/adr/*.md"} {
		pages, err := filepath.Glob(pattern)
		if err != nil || len(pages) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, page := range pages {
			paths = append(paths, "share/doc/unidesk-controller/"+strings.TrimPrefix(page, "../"))
		}
	}
	return paths
}

// listed returns what a tarball has, with the mode of each. All of it is root's.
func listed(t *testing.T, name string) map[string]int64 {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]int64{}
	for archive := tar.NewReader(unzipped); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = h.Mode
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" {
			t.Errorf("%s: %s is of %d:%d %q", name, h.Name, h.Uid, h.Gid, h.Uname)
		}
	}
}
