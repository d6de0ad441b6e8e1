package corpus

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// day is when the n-th build of an image ran.
func day(n int) time.Time { return time.Date(2026, 1, 1+n, 9, 30, 0, 0, time.UTC) }

// source is Go's own tree, 245 MB: every mtime is of the build; an edited tree has a line more in a file.
func source(build int, edited bool) Recipe {
	key := fmt.Sprintf("goroot %s build %d edited %t", runtime.Version(), build, edited)
	name := "the source tree of " + runtime.Version()
	if edited {
		name += ", a line changed"
	}
	return trees(name, key, func(ctx context.Context) ([]tree, error) {
		root, err := goCommand(ctx, ".", "env", "GOROOT")
		if err != nil {
			return nil, err
		}
		t := tree{dir: root, at: "usr/local/go", built: day(build)}
		if edited {
			t.edit = &edit{name: "src/net/http/server.go", text: "// A line of a later commit.", at: day(build + 1)}
		}
		return []tree{t}, nil
	})
}

// toolchain is a release of Go as an image of it has it: a base image.
func toolchain(release string, build int) Recipe {
	module := "golang.org/toolchain@v0.0.1-" + release + ".linux-amd64"
	return trees("the base image with "+release, fmt.Sprintf("%s build %d", module, build), func(ctx context.Context) ([]tree, error) {
		dir, err := download(ctx, module)
		return []tree{{dir: dir, at: "usr/local/go", built: day(build)}}, err
	})
}

// vendored is a vendor folder of modules.
func vendored(build int, modules ...string) Recipe {
	key := fmt.Sprintf("vendored %v build %d", modules, build)
	return trees("vendored modules", key, func(ctx context.Context) ([]tree, error) {
		var all []tree
		for _, m := range modules {
			dir, err := download(ctx, m)
			if err != nil {
				return nil, err
			}
			name, _, _ := strings.Cut(m, "@")
			all = append(all, tree{dir: dir, at: "src/vendor/" + name, built: day(build), skip: unvendored})
		}
		return all, nil
	})
}

// unvendored are the files that go mod vendor leaves out.
func unvendored(name string) bool {
	base := filepath.Base(name)
	return base == "testdata" || strings.HasSuffix(base, "_test.go")
}

// release is the whole tree of a module's release.
func release(module string, build int) Recipe {
	return trees(module, fmt.Sprintf("release %s build %d", module, build), func(ctx context.Context) ([]tree, error) {
		dir, err := download(ctx, module)
		return []tree{{dir: dir, at: "srv/app", built: day(build)}}, err
	})
}

// program is the go command, built from its source; a later build has a function more.
func program(build int, changed bool) Recipe {
	key := fmt.Sprintf("cmd/go %s build %d changed %t", runtime.Version(), build, changed)
	return Recipe{Name: "a Go program", key: key, write: func(ctx context.Context, w io.Writer) error {
		dir, err := os.MkdirTemp("", "unidesk-corpus-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		bin := filepath.Join(dir, "bin")
		if err := compile(ctx, dir, filepath.Join(bin, "service"), changed); err != nil {
			return err
		}
		return trees("", "", func(context.Context) ([]tree, error) {
			return []tree{{dir: bin, at: "usr/local/bin", built: day(build)}}, nil
		}).write(ctx, w)
	}}
}

// noise is a file that nothing makes smaller.
func noise(size int64, seed byte) Recipe {
	return Recipe{
		Name: fmt.Sprintf("%d MB that cannot be compressed", size/1e6), key: fmt.Sprintf("noise %d %d", size, seed),
		write: func(ctx context.Context, w io.Writer) error {
			t := tar.NewWriter(w)
			if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "srv/data", Mode: 0o644, Size: size, ModTime: day(0)}); err != nil {
				return err
			}
			from := rand.NewChaCha8([32]byte{seed, 'n', 'o', 'i', 's', 'e'})
			if _, err := io.CopyN(t, reading{ctx, from}, size); err != nil {
				return err
			}
			return t.Close()
		},
	}
}
