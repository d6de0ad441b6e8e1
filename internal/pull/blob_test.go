package pull

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// A registry that dies ends the connection cleanly. If the answer has no length,
// this looks like the blob's end, and is not wrong data.
func TestTheEndOfTheConnectionIsNotTheEndOfTheBlob(t *testing.T) {
	t.Parallel()
	whole := make([]byte, 1000)
	f := newFake(t)
	f.lieWith(func(w http.ResponseWriter, _ *http.Request) bool {
		conn, out, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		_, _ = out.WriteString("HTTP/1.0 200 OK\r\nDocker-Distribution-Api-Version: registry/2.0\r\n\r\n")
		_, _ = out.Write(whole[:500])
		_ = out.Flush()
		return true
	})
	rc, err := f.reader(t).Blob(t.Context(), repo(), artifact.DigestOf(whole), 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	_, err = io.ReadAll(rc)
	wantReason(t, err, fault.RegistryUnavailable, true)
}

// blob serves body, byte for byte and without a length, as the blob of d.
func blob(t *testing.T, length bool, body []byte) *Registry {
	t.Helper()
	f := newFake(t)
	f.lieWith(func(w http.ResponseWriter, _ *http.Request) bool {
		if length {
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		} else {
			w.(http.Flusher).Flush()
		}
		_, _ = w.Write(body)
		return true
	})
	return f.reader(t)
}

func TestAWrongBlobIsNeverHandedOutWhole(t *testing.T) {
	t.Parallel()
	whole := make([]byte, 300_000)
	for i := range whole {
		whole[i] = byte(rand.Uint32())
	}
	digest, size := artifact.DigestOf(whole), int64(len(whole))
	flipped := func(bit int) []byte {
		b := bytes.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		return b
	}
	bodies := map[string][]byte{
		"empty":           {},
		"a byte short":    whole[:size-1],
		"half":            whole[:size/2],
		"a byte too many": append(bytes.Clone(whole), 0),
		"another":         make([]byte, size),
		"the first bit":   flipped(0),
		"the last bit":    flipped(int(size)*8 - 1),
	}
	for range 30 {
		bit := rand.IntN(int(size) * 8)
		bodies[fmt.Sprintf("bit %d", bit)] = flipped(bit)
	}
	for name, body := range bodies {
		for _, length := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, length told: %t", name, length), func(t *testing.T) {
				t.Parallel()
				rc, err := blob(t, length, body).Blob(t.Context(), repo(), digest, size)
				if wrong := length && int64(len(body)) != size; wrong != (err != nil) {
					t.Errorf("opening: %v", err)
				}
				if err == nil {
					var got []byte
					got, err = io.ReadAll(rc)
					if int64(len(got)) >= size {
						t.Errorf("all %d bytes were handed out", len(got))
					}
					if again, err := rc.Read(make([]byte, 10)); err == nil || errors.Is(err, io.EOF) {
						t.Errorf("reading on gives %d bytes, %v", again, err)
					}
					_ = rc.Close()
				}
				wantReason(t, err, fault.DigestMismatch, false)
			})
		}
	}
}

func TestARightBlobIsHandedOutWhole(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 511, 512, 100_000} {
		whole := bytes.Repeat([]byte("b"), size)
		rc, err := blob(t, size%2 == 0, whole).Blob(t.Context(), repo(), artifact.DigestOf(whole), int64(size))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(rc)
		if err != nil || !bytes.Equal(got, whole) {
			t.Errorf("%d of %d bytes, %v", len(got), size, err)
		}
		_ = rc.Close()
	}
}

func TestABlobThatBreaksOffOrFallsSilentMayBeTriedAgain(t *testing.T) {
	t.Parallel()
	whole := make([]byte, 1000)
	for name, after := range map[string]func(w http.ResponseWriter, r *http.Request){
		"breaks off":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"falls silent": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.lieWith(func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Content-Length", "1000")
				_, _ = w.Write(whole[:500])
				w.(http.Flusher).Flush()
				after(w, r)
				return true
			})
			rc, err := f.readerFor(t, 300*time.Millisecond).Blob(t.Context(), repo(), artifact.DigestOf(whole), 1000)
			if err != nil {
				t.Fatal(err)
			}
			defer rc.Close()
			got, err := io.ReadAll(rc)
			wantReason(t, err, fault.RegistryUnavailable, true)
			if len(got) != 500 {
				t.Errorf("%d bytes", len(got))
			}
		})
	}
}

func TestABlobThatIsReadSlowlyIsNotSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		body := &idleBody{ctx: ctx, cancel: cancel, idle: time.Second, body: io.NopCloser(strings.NewReader("blob"))}
		for range 4 {
			if _, err := io.ReadFull(body, make([]byte, 1)); err != nil || ctx.Err() != nil {
				t.Error(err, context.Cause(ctx))
			}
			time.Sleep(2 * time.Second)
		}
		if err := body.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestABlobIsServedAsStoredEvenWhenItIsGzip(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	whole := []byte("\x1f\x8b not really gzip")
	f.lieWith(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Accept-Encoding") != "" {
			w.WriteHeader(http.StatusTeapot)
			return true
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(whole)
		return true
	})
	rc, err := f.reader(t).Blob(t.Context(), repo(), artifact.DigestOf(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if got, err := io.ReadAll(rc); err != nil || !bytes.Equal(got, whole) {
		t.Errorf("%q, %v", got, err)
	}
}
