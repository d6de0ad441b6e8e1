package delta_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
)

// entries is how many members a layer of a Go installation has.
const entries = 16_700

func ceiling(t *testing.T, p pair, most int) {
	t.Helper()
	wire, _ := p.cross(t, 0)
	t.Logf("%d bytes of ops for %d bytes", wire, len(p.target))
	if wire > most {
		t.Errorf("%d bytes of ops, more than %d", wire, most)
	}
}

func TestALineInALargeLayer(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	files := tree(r, entries, 400)
	old := pack(t, files, nil)
	i := slices.IndexFunc(files, func(f file) bool { return len(f.body) > 2000 })
	files[i].body = slices.Insert(slices.Clone(files[i].body), 900, []byte("\tlog.Print(\"a line that is new\")\n")...)
	files[i].time += 1000
	ceiling(t, newPair(t, pack(t, files, nil), old), 256)
}

func TestTimesThatAreAllNew(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 2))
	files := tree(r, entries, 400)
	old := pack(t, files, nil)
	ceiling(t, newPair(t, pack(t, touched(r, files), nil), old), 40_000)
}

// TestALibraryIsUpgraded changes two lines in each tenth of a module's files, adds
// some, and puts them under the name of another version.
func TestALibraryIsUpgraded(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	files := tree(r, 1500, 4000)
	old := pack(t, files, nil)
	for i := range files {
		files[i].name = "usr/src@v1.24.1/" + files[i].name
		if n := len(files[i].body); n > 100 && i%10 == 0 {
			for range 2 {
				files[i].body = slices.Insert(slices.Clone(files[i].body), r.IntN(n), prose(r, 40)...)
			}
		}
	}
	files = append(files, tree(r, 20, 4000)...)
	ceiling(t, newPair(t, pack(t, touched(r, files), nil), old), 120_000)
}

// TestAProgramIsLinkedAgain has some 64 000 numbers that differ in 3 MB: a dictionary
// alone takes 188 kB for them.
func TestAProgramIsLinkedAgain(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(11, 11))
	body := noise(r, 3_000_000)
	old := pack(t, []file{{name: "app", kind: '0', body: body}}, nil)
	p := newPair(t, pack(t, []file{{name: "app", kind: '0', body: linked(r, body)}}, nil), old)
	ceiling(t, p, 60_000)
	for range 5 {
		p.cross(t, r.Int64N(3_000_000))
	}
}

// TestABinaryIsRebuilt builds a program of some 6 MB twice, with a line more in it.
func TestABinaryIsRebuilt(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a program twice")
	}
	t.Parallel()
	build := func(line string) []byte {
		dir := t.TempDir()
		source := fmt.Sprintf("package main\n\nimport (\n\t\"fmt\"\n\t\"net/http\"\n\t\"os\"\n)\n\nfunc main() {\n%s\tfmt.Println(http.ListenAndServe(os.Args[1], nil))\n}\n", line)
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", "app", "main.go")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GO111MODULE=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		b, err := os.ReadFile(filepath.Join(dir, "app"))
		if err != nil {
			t.Fatal(err)
		}
		return pack(t, []file{{name: "app", kind: '0', body: b}}, nil)
	}
	old := build("")
	ceiling(t, newPair(t, build("\tfmt.Println(\"it listens\")\n"), old), 45_000)
}

// TestAnApplierIsSmall applies a batch with windows, blocks and text of the largest
// sizes, and counts what is allocated.
func TestAnApplierIsSmall(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	body, program := prose(r, 6<<20), noise(r, 2<<20)
	old := pack(t, []file{{name: "text", kind: '0', body: body}, {name: "app", kind: '0', body: program}, {name: "noise", kind: '0', body: noise(r, 1<<20)}}, nil)
	for i := 0; i < len(body); i += 5000 {
		body[i]++
	}
	target := pack(t, []file{{name: "text", kind: '0', body: body}, {name: "app", kind: '0', body: linked(r, program)}, {name: "noise", kind: '0', body: noise(r, 1<<20)}}, nil)
	p := newPair(t, target, old)
	var batches []delta.Batch
	if err := delta.Encode(t.Context(), p.tar, p.bases, 0, func(b delta.Batch) error { batches = append(batches, b); return nil }); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	out := bytes.NewBuffer(make([]byte, 0, len(target)))
	runtime.GC()
	runtime.ReadMemStats(&before)
	a := delta.NewApplier(p.raw)
	for _, b := range batches {
		if err := a.Apply(b, out); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	n := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d bytes", n)
	if n > 4<<20 {
		t.Errorf("an applier allocates %d bytes for %d batches", n, len(batches))
	}
	if !bytes.Equal(out.Bytes(), target) {
		t.Error("other bytes come out")
	}
}

func BenchmarkIndex(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 5))
	for name, files := range map[string][]file{"tree": tree(r, 2000, 12_000), "large": {{name: "noise", kind: '0', body: noise(r, 24<<20)}}} {
		content := pack(b, files, nil)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			for b.Loop() {
				i := delta.NewIndexer()
				_, _ = i.Write(content)
				if _, err := i.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	r := rand.New(rand.NewPCG(6, 6))
	files := tree(r, entries, 2000)
	old := pack(b, files, nil)
	body := prose(r, 8<<20)
	text := pack(b, []file{{name: "text", kind: '0', body: body}}, nil)
	changed := bytes.Clone(body)
	for i := 0; i < len(changed); i += 9000 {
		changed[i]++
	}
	for name, p := range map[string]pair{
		"unchanged": newPair(b, old, old),
		"times":     newPair(b, pack(b, touched(r, files), nil), old),
		"patched":   newPair(b, pack(b, []file{{name: "text", kind: '0', body: changed}}, nil), text),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(p.target)))
			b.ReportAllocs()
			for b.Loop() {
				if err := delta.Encode(b.Context(), p.tar, p.bases, 0, func(delta.Batch) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/apply", func(b *testing.B) {
			var batches []delta.Batch
			if err := delta.Encode(b.Context(), p.tar, p.bases, 0, func(x delta.Batch) error { batches = append(batches, x); return nil }); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(p.target)))
			b.ReportAllocs()
			for b.Loop() {
				a := delta.NewApplier(p.raw)
				for _, x := range batches {
					if err := a.Apply(x, discard{}); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
