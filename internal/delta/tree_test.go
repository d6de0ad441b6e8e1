package delta_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// file is a member of a tar that a test makes.
type file struct {
	name   string
	body   []byte
	time   int64
	kind   byte
	link   string
	format tar.Format
	pax    map[string]string
	raw    []byte // as it is, in place of all else
}

// pack returns the tar of files; it ends with end instead of two blocks of zeros if that is not nil.
func pack(t testing.TB, files []file, end []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		if f.raw != nil {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			b.Write(f.raw)
			continue
		}
		h := &tar.Header{
			Name: f.name, Size: int64(len(f.body)), Mode: 0o644, ModTime: time.Unix(f.time, 0), Typeflag: f.kind, Linkname: f.link,
			Format: f.format, PAXRecords: f.pax,
		}
		if f.kind == tar.TypeXGlobalHeader {
			h = &tar.Header{Typeflag: f.kind, PAXRecords: f.pax}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatalf("%+v: %v", h, err)
		}
		if _, err := w.Write(f.body); err != nil {
			t.Fatal(err)
		}
	}
	if end != nil {
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		return append(b.Bytes(), end...)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// words are what bodies are made of, so that they compress as sources do.
var words = func() []string {
	r := rand.New(rand.NewPCG(7, 7))
	w := make([]string, 2000)
	for i := range w {
		b := make([]byte, 2+r.IntN(9))
		for j := range b {
			b[j] = 'a' + byte(r.IntN(26))
		}
		w[i] = string(b)
	}
	return w
}()

func prose(r *rand.Rand, n int) []byte {
	b := make([]byte, 0, n+16)
	for len(b) < n {
		b = append(b, words[int(r.ExpFloat64()*200)%len(words)]...)
		b = append(b, " \n"[r.IntN(10)/9])
	}
	return b[:n]
}

func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// linked returns a program that is linked again: something is new in its middle, and
// numbers of four bytes differ all over it.
func linked(r *rand.Rand, b []byte) []byte {
	b = slices.Clone(b)
	d := uint32(1 + r.IntN(10_000))
	for at := r.IntN(50); at+4 <= len(b); at += 4 + r.IntN(90) {
		binary.LittleEndian.PutUint32(b[at:], binary.LittleEndian.Uint32(b[at:])+d)
	}
	return slices.Insert(b, r.IntN(len(b)+1), noise(r, int(d%1000))...)
}

// tree returns n files of a source tree: of size bytes each in the mean.
func tree(r *rand.Rand, n, size int) []file {
	var files []file
	dir := "usr/src"
	for i := range n {
		if i%12 == 0 {
			dir = fmt.Sprintf("usr/src/%s/%s%d", words[r.IntN(len(words))], words[r.IntN(len(words))], i)
			files = append(files, file{name: dir + "/", kind: tar.TypeDir, time: 1700000000 - r.Int64N(1e8)})
		}
		files = append(files, file{
			name: fmt.Sprintf("%s/%s%d.go", dir, words[r.IntN(len(words))], i), time: 1700000000 - r.Int64N(1e8), kind: tar.TypeReg,
			body: prose(r, int(r.ExpFloat64()*float64(size))),
		})
	}
	return files
}

// touched returns files with times within four seconds.
func touched(r *rand.Rand, files []file) []file {
	files = slices.Clone(files)
	for i := range files {
		files[i].time = 1760000000 + r.Int64N(4)
	}
	return files
}

// sparse returns the member of a sparse file as GNU tar writes it, with a map that
// needs a block of its own.
func sparse(name string, r *rand.Rand) []byte {
	h := make([]byte, 1024)
	copy(h, name)
	copy(h[100:], "0000644\x000000000\x000000000\x00")
	body := noise(r, 2048)
	copy(h[124:], fmt.Sprintf("%011o\x00", len(body)))
	copy(h[136:], "14000000000\x00")
	h[156] = 'S'
	copy(h[257:], "ustar  \x00")
	h[482] = 1
	copy(h[483:], fmt.Sprintf("%011o\x00", 1<<20))
	copy(h[148:], "        ")
	sum := 0
	for _, c := range h[:512] {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	copy(h[512:], strings.Repeat("00000000000\x00", 4))
	return append(h, body...)
}

// mutated returns files after a few random changes of every kind.
func mutated(r *rand.Rand, files []file) []file {
	files = slices.Clone(files)
	for range 1 + r.IntN(8) {
		i := r.IntN(len(files) + 1)
		if i == len(files) {
			files = append(files, odd(r))
			continue
		}
		f := &files[i]
		switch r.IntN(11) {
		case 0:
			files = slices.Delete(files, i, i+1)
		case 1:
			files = slices.Insert(files, i, odd(r))
		case 2:
			f.name = fmt.Sprintf("moved%d/%s", r.IntN(100), strings.TrimLeft(f.name, "/"))
		case 3:
			f.time += r.Int64N(1000)
		case 4:
			files = touched(r, files)
		case 5: // bytes in the middle
			at := r.IntN(len(f.body) + 1)
			if f.kind == tar.TypeReg {
				f.body = slices.Insert(slices.Clone(f.body), at, noise(r, r.IntN(3000))...)
			}
		case 6: // fewer bytes
			at := r.IntN(len(f.body) + 1)
			f.body = slices.Delete(slices.Clone(f.body), at, min(len(f.body), at+r.IntN(100_000)))
		case 7: // other bytes
			f.body = slices.Clone(f.body)
			for range 20 {
				if len(f.body) > 0 {
					f.body[r.IntN(len(f.body))]++
				}
			}
		case 8: // two change places
			j := r.IntN(len(files))
			files[i], files[j] = files[j], files[i]
		case 9: // a folder of a version
			for k := range files {
				files[k].name = strings.Replace(files[k].name, "usr/src", "usr/src-1.2.3", 1)
			}
		case 10: // all that is large is linked again
			for k := range files {
				if len(files[k].body) > 64<<10 {
					files[k].body = linked(r, files[k].body)
				}
			}
		}
	}
	if len(files) == 0 {
		files = append(files, odd(r))
	}
	return files
}

// odd returns a file of a random kind.
func odd(r *rand.Rand) file {
	name := fmt.Sprintf("odd/%s%d", words[r.IntN(len(words))], r.IntN(1000))
	f := file{name: name, kind: tar.TypeReg, time: 1500000000 + r.Int64N(1e8), body: prose(r, r.IntN(20_000))}
	switch r.IntN(10) {
	case 0:
		f.name, f.format = name+strings.Repeat("/long", 80), tar.FormatPAX
	case 1:
		f.name, f.format = name+strings.Repeat("/long", 80), tar.FormatGNU
	case 2:
		f.kind, f.body, f.link = tar.TypeLink, nil, "usr/src"
	case 3:
		f.kind, f.body, f.link = tar.TypeSymlink, nil, strings.Repeat("../far", 40)
	case 4:
		f.body = prose(r, 260_000+r.IntN(900_000))
	case 5:
		f.body = noise(r, 260_000+r.IntN(400_000))
	case 6:
		f.format, f.pax = tar.FormatPAX, map[string]string{"SCHILY.xattr.user.x": string(prose(r, r.IntN(2000)+1))}
	case 7:
		f.raw = sparse(name, r)
	case 8:
		f.body = noise(r, r.IntN(70_000))
	}
	return f
}

// ends are what a tar may end with, beside what it should.
func ending(r *rand.Rand) []byte {
	switch r.IntN(8) {
	case 0:
		return []byte{} // nothing
	case 1:
		return make([]byte, 512)
	case 2:
		return make([]byte, 10240+r.IntN(300))
	case 3:
		return noise(r, 1+r.IntN(400_000))
	case 4:
		return append(make([]byte, 1024), prose(r, r.IntN(5000))...)
	}
	return nil
}
