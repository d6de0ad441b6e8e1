package tarblock_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/tarblock"
)

// head returns the header block that archive/tar writes.
func head(t testing.TB, h *tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tar.NewWriter(&b).WriteHeader(h); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()[b.Len()-tarblock.Size:]
}

func TestAHeaderIsRead(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("folder/", 20) + "name"
	for _, c := range []struct {
		h    tar.Header
		want tarblock.Header
	}{
		{tar.Header{Name: "name", Size: 5, Typeflag: '0'}, tarblock.Header{Path: "name", Size: 5, Kind: '0'}},
		{tar.Header{Name: long, Size: 5, Typeflag: '0', Format: tar.FormatUSTAR}, tarblock.Header{Path: long, Size: 5, Kind: '0'}},
		{tar.Header{Name: "name", Size: 9 << 30, Typeflag: '0', Format: tar.FormatGNU}, tarblock.Header{Path: "name", Size: 9 << 30, Kind: '0'}},
		{tar.Header{Name: "link", Linkname: "name", Typeflag: '1'}, tarblock.Header{Path: "link", Kind: '1'}},
	} {
		c.h.ModTime = time.Unix(1700000000, 0)
		b := head(t, &c.h)
		got, ok := tarblock.Parse(b)
		if !ok || got != c.want {
			t.Errorf("%t, %+v, not %+v", ok, got, c.want)
		}
		again := bytes.Clone(b)
		copy(again[148:156], "spoiled!")
		if tarblock.PutChecksum(again); !bytes.Equal(again, b) {
			t.Errorf("a checksum is %q, not %q", again[148:156], b[148:156])
		}
		b[5]++
		if _, ok := tarblock.Parse(b); ok {
			t.Error("a header that is spoiled is read")
		}
	}
	if _, ok := tarblock.Parse(make([]byte, tarblock.Size)); ok {
		t.Error("zeros are a header")
	}
	for _, size := range []string{"99999999999", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "-0000000001"} {
		b := head(t, &tar.Header{Name: "name"})
		copy(b[124:136], size)
		tarblock.PutChecksum(b)
		if h, ok := tarblock.Parse(b); ok {
			t.Errorf("a size of %q is %d", size, h.Size)
		}
	}
}

func TestRecordsAreReadAsLongAsTheyAreWellFormed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"12 path=abc\n":              "path=abc;",
		"12 path=abc\n11 size=12\n":  "path=abc;size=12;",
		"12 path=abc\n99 size=12\n":  "path=abc;",
		"0 path=abc\n":               "",
		"-1 path=abc\n":              "",
		"3 \n":                       "",
		"12 path=abcd":               "",
		"99999999999999999999 a=b\n": "",
		"":                           "",
	} {
		got := ""
		tarblock.Records([]byte(text), func(key, value string) { got += fmt.Sprintf("%s=%s;", key, value) })
		if got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}

func TestPathsOfVersionsAreFolded(t *testing.T) {
	t.Parallel()
	a, b := tarblock.NamesOf("./usr/lib/node-v20.1/index.a1b2.js"), tarblock.NamesOf("usr/lib/node-v21.0/index.c3.js")
	if a.Path == b.Path || a.Folded != b.Folded || a.Tail != b.Tail || a.Name != b.Name {
		t.Errorf("%+v, and %+v of another version", a, b)
	}
	if c := tarblock.NamesOf("/opt/lib/node-v20.1/index.a1b2.js"); c.Folded == a.Folded || c.Tail != a.Tail {
		t.Errorf("%+v, and %+v in another folder", a, c)
	}
	if c := tarblock.NamesOf("usr/lib/other/index.js"); c.Tail == a.Tail {
		t.Errorf("%+v, and %+v in another last folder", a, c)
	}
}

func TestDifferencesOfABlockAreShort(t *testing.T) {
	t.Parallel()
	old := bytes.Repeat([]byte{0}, tarblock.Size)
	copy(old, "usr/lib/app/main.go")
	for name, c := range map[string]struct{ runs, most int }{
		"usr/lib/app/main.go":     {0, 0},
		"usr/lib/app/name.go":     {1, 7},
		"usr/lib/app-2.0/main.go": {2, 12},
	} {
		head := bytes.Clone(old)
		copy(head, name)
		if runs, body := tarblock.Differences(head, old); runs != c.runs || len(body) > c.most {
			t.Errorf("%s: %d runs of %d bytes", name, runs, len(body))
		}
	}
}
