package engine

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
)

// tarReader gives the bytes of a tar: headers from memory and files from their place.
// It is read and not written, so that it needs no goroutine that pushes and must be
// waited for when an engine hangs up halfway.
type tarReader struct {
	mu     sync.Mutex
	parts  []func() (io.ReadCloser, error)
	now    io.ReadCloser
	closed bool
}

const tarBlock = 512

func (t *tarReader) bytes(name string, b []byte) {
	t.add(name, int64(len(b)), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil })
}

func (t *tarReader) file(name string, f File) {
	t.add(name, f.Size, func() (io.ReadCloser, error) {
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		return &exactly{r, f.Size, name}, nil
	})
}

func (t *tarReader) add(name string, size int64, content func() (io.ReadCloser, error)) {
	padding := make([]byte, -size&(tarBlock-1))
	t.parts = append(t.parts, func() (io.ReadCloser, error) {
		var head bytes.Buffer
		err := tar.NewWriter(&head).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600})
		return io.NopCloser(&head), err
	}, content, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(padding)), nil })
}

// end adds the two empty blocks that close a tar.
func (t *tarReader) end() {
	t.parts = append(t.parts, func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(make([]byte, 2*tarBlock))), nil
	})
}

// Read implements [io.Reader].
func (t *tarReader) Read(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		if t.closed {
			return 0, errors.New("archive is closed")
		}
		if t.now == nil {
			if len(t.parts) == 0 {
				return 0, io.EOF
			}
			r, err := t.parts[0]()
			if err != nil {
				return 0, err
			}
			t.now, t.parts = r, t.parts[1:]
		}
		n, err := t.now.Read(p)
		if errors.Is(err, io.EOF) {
			err = t.now.Close()
			t.now = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Close implements [io.Closer]. The HTTP client may call it while it still reads.
func (t *tarReader) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.now == nil {
		return nil
	}
	err := t.now.Close()
	t.now = nil
	return err
}

// exactly fails if a file does not have the size that the header promised: the rest of
// the archive would be read as something else.
type exactly struct {
	io.ReadCloser
	left int64
	name string
}

func (e *exactly) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	e.left -= int64(n)
	if e.left < 0 || e.left > 0 && errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("%s is not as long as it was", e.name)
	}
	return n, err
}
