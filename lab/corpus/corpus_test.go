package corpus

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// sampleTree is a small layer of a real folder.
func sampleTree(t *testing.T, build int, e *edit) Recipe {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"a/one.go": "1\n2\n3\n4\n", "a/one_test.go": "x", "b/two": "two\n"} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o400)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("two", filepath.Join(dir, "b", "link")); err != nil {
		t.Fatal(err)
	}
	return trees("sample", t.Name()+string(rune('0'+build)), func(context.Context) ([]tree, error) {
		return []tree{{dir: dir, at: "srv", built: day(build), skip: unvendored, edit: e}}, nil
	})
}

// unpacked lists a layer's tar: names with what they hold, and times.
func unpacked(t *testing.T, l *stored) (files, times map[string]string) {
	t.Helper()
	r, err := l.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	files, times = map[string]string{}, map[string]string{}
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, times
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name], times[h.Name] = string(content)+h.Linkname, h.ModTime.String()
	}
}

func made(t *testing.T, c *Corpus, r Recipe) *stored {
	t.Helper()
	l, err := c.layer(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestATreeIsALayerWithTheTimesOfItsBuild(t *testing.T) {
	c := New(t.TempDir(), lab.Gzip)
	files, times := unpacked(t, made(t, c, sampleTree(t, 0, nil)))
	if len(files) != 6 || files["srv/a/one.go"] != "1\n2\n3\n4\n" || files["srv/b/link"] != "two" {
		t.Errorf("the layer holds %q", files)
	}
	edited, later := unpacked(t, made(t, c, sampleTree(t, 1, &edit{name: "a/one.go", text: "new", at: day(5)})))
	if got := edited["srv/a/one.go"]; got != "1\n2\nnew\n3\n4\n" {
		t.Errorf("the edited file is %q", got)
	}
	if later["srv/a/one.go"] != day(5).Local().String() || later["srv/b/two"] == times["srv/b/two"] {
		t.Errorf("times are %v after %v", later, times)
	}
}

func TestAnEditOfAMissingFileIsAnError(t *testing.T) {
	c := New(t.TempDir(), lab.None)
	if _, err := c.layer(t.Context(), sampleTree(t, 0, &edit{name: "none", text: "x"})); err == nil {
		t.Error("a layer is made without its edit")
	}
	if left, _ := os.ReadDir(c.dir); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

func TestALayerIsMadeOnce(t *testing.T) {
	cache, calls := t.TempDir(), 0
	r := noise(10_000, 1)
	write := r.write
	r.write = func(ctx context.Context, w io.Writer) error { calls++; return write(ctx, w) }
	first, again := made(t, New(cache, lab.None), r), made(t, New(cache, lab.None), r)
	if calls != 1 || first.Hash != again.Hash || first.Unpacked != again.Unpacked || first.Hash != first.ID {
		t.Errorf("made %d times: %+v and %+v", calls, first, again)
	}
	zipped := made(t, New(cache, lab.Gzip), r)
	if calls != 2 || zipped.ID != first.ID || zipped.Hash == first.Hash {
		t.Errorf("made %d times: %+v and %+v", calls, first, zipped)
	}
	content, err := os.ReadFile(first.path)
	if err != nil || !bytes.Contains(content[:100], []byte("srv/data")) {
		t.Errorf("the blob begins %q: %v", content[:100], err)
	}
}

// A blob that was cut in the cache would be pushed as if it were whole.
func TestACutBlobIsRefused(t *testing.T) {
	c := New(t.TempDir(), lab.None)
	l := made(t, c, noise(10_000, 1))
	if err := os.Truncate(l.path, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := c.layer(t.Context(), noise(10_000, 1)); err == nil {
		t.Error("it is taken")
	}
}

func TestScenariosHaveNamesAndImages(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Scenarios() {
		if s.ID == "" || s.Title == "" || seen[s.ID] || s.Installed == nil && s.Releases == nil {
			t.Errorf("scenario %+v", s)
		}
		seen[s.ID] = true
	}
}
