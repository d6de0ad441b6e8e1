package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Layer describes an extra layer of an image. What it holds follows from these
// values alone, so a commit that records them pins the layer's content.
type Layer struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	// Noise is how many percent of it cannot be compressed; gzip brings it to about that.
	Noise int `json:"noise"`
	// Seed makes other content of the same kind.
	Seed uint64 `json:"seed"`
	// Edit is written over its first bytes: a small change in a large layer.
	Edit string `json:"edit,omitempty"`
}

const payloadBlock = 4 << 10

// WriteTo writes the content.
func (l Layer) WriteTo(w io.Writer) (written int64, err error) {
	source := rand.NewChaCha8([32]byte{byte(l.Seed), byte(l.Seed >> 8), byte(l.Seed >> 16), byte(l.Seed >> 24), 'l', 'a', 'b'})
	noise := payloadBlock * min(max(l.Noise, 0), 100) / 100
	block := []byte(strings.Repeat("the same words again, as code has them; ", payloadBlock/40+1))[:payloadBlock]
	for written < l.Size {
		_, _ = source.Read(block[:noise])
		b := block[:min(payloadBlock, l.Size-written)]
		if written == 0 && l.Edit != "" {
			b = append([]byte(nil), b...)
			copy(b, l.Edit)
		}
		n, err := w.Write(b)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// writeFile writes the layer's only file below dir.
func (l Layer) writeFile(dir string) (err error) {
	folder := filepath.Join(dir, l.Name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("write layer %s: %w", l.Name, err)
	}
	f, err := os.Create(filepath.Join(folder, "data"))
	if err != nil {
		return fmt.Errorf("write layer %s: %w", l.Name, err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	_, err = l.WriteTo(w)
	if err := errors.Join(err, w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("write layer %s: %w", l.Name, err)
	}
	return nil
}

// buildTime is the time of every file in a build context: the same content then
// makes the same layer, whenever and wherever it is built.
func buildTime() time.Time { return time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC) }

// settle gives everything below dir the same time.
func settle(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == ".git" {
			return filepath.SkipDir
		}
		return os.Chtimes(path, buildTime(), buildTime())
	})
}
