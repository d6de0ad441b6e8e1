package kube

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// maxAnswer bounds an answer of the API server: a page of a list, or an object.
const maxAnswer = 4 << 20

// errLarge means that an answer is larger than its bound.
var errLarge = errors.New("the answer is larger than it may be")

type limitKey struct{}

// limited returns a context whose answers may have at most max bytes, -1 for a stream.
func limited(ctx context.Context, max int64) context.Context {
	return context.WithValue(ctx, limitKey{}, max)
}

// transport adds the token, and bounds each answer: the client reads answers whole.
type transport struct {
	next  http.RoundTripper
	token *tokenFile
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.token != nil {
		bearer, err := t.token.read()
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	max, ok := r.Context().Value(limitKey{}).(int64)
	if !ok {
		max = maxAnswer
	}
	if max >= 0 {
		resp.Body = &bounded{ReadCloser: resp.Body, left: max}
	}
	return resp, nil
}

// bounded fails when there is more to read than may be.
type bounded struct {
	io.ReadCloser
	left int64
}

// Read implements [io.Reader].
func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errLarge
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, errLarge
	}
	return n, err
}
