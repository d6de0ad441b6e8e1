package pull

import (
	"context"
	"crypto/sha256"
	"hash"
	"io"
	"net/http"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Blob opens a blob of a known digest and size. What is read is hashed from the first
// byte; the read that would return the last bytes of a wrong blob returns none and
// DIGEST_MISMATCH instead, so that no caller holds all of a wrong blob.
//
// ARTIFACT_NOT_FOUND when the registry lacks it, REGISTRY_UNAVAILABLE when it
// does not answer or breaks off.
func (r *Registry) Blob(ctx context.Context, repo artifact.Repository, d artifact.Digest, size int64) (io.ReadCloser, error) {
	resp, err := r.get(ctx, http.MethodGet, blobPath(repo, d))
	if err != nil {
		return nil, err
	}
	if n := resp.ContentLength; n >= 0 && n != size {
		_ = resp.Body.Close()
		return nil, fault.New(fault.DigestMismatch, "blob %s has %d bytes, its manifest says %d", d, n, size).WithHint("publish the commit again")
	}
	framed := resp.ContentLength >= 0 || len(resp.TransferEncoding) > 0
	return &verified{body: resp.Body, hash: sha256.New(), want: d, left: size, framed: framed}, nil
}

// verified is a body that is checked before its end is believed. Go's registry
// library checks too, but hands out the last bytes together with the error, and
// its error has no type to know it by.
type verified struct {
	body io.ReadCloser
	hash hash.Hash
	want artifact.Digest
	left int64
	// framed means that the answer has a length or chunks. If it has neither, the end of the
	// connection is the end of the blob or of the registry.
	framed bool
	err    error
}

// Read returns the next bytes, the last of them only when all were right.
func (v *verified) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	if v.left == 0 {
		if v.err = v.verify(); v.err == nil {
			v.err = io.EOF
		}
		return 0, v.err
	}
	n, err := v.body.Read(p[:min(int64(len(p)), v.left)])
	_, _ = v.hash.Write(p[:n]) // hash.Hash: never fails
	v.left -= int64(n)
	switch {
	case v.left == 0:
		if v.err = v.verify(); v.err == nil {
			v.err = io.EOF
			return n, nil
		}
		return 0, v.err
	case err == io.EOF && v.framed: // bare: the fault of a broken connection may wrap it
		v.err = fault.New(fault.DigestMismatch, "blob %s ends %d bytes early", v.want, v.left).WithHint("publish the commit again")
		return 0, v.err
	case err == io.EOF:
		v.err = fault.Transient(fault.RegistryUnavailable, "the registry's answer broke off %d bytes before the end of blob %s", v.left, v.want)
		return 0, v.err
	case err != nil:
		v.err = err
		return 0, v.err
	}
	return n, nil
}

// verify is called once the wanted number of bytes was read.
func (v *verified) verify() error {
	if n, err := io.ReadFull(v.body, make([]byte, 1)); n > 0 {
		return fault.New(fault.DigestMismatch, "blob %s is longer than its manifest says", v.want)
	} else if err != io.EOF {
		return err
	}
	if got := artifact.DigestSum([sha256.Size]byte(v.hash.Sum(nil))); got != v.want {
		return fault.New(fault.DigestMismatch, "blob %s hashes to %s", v.want, got).
			WithHint("the registry's copy is damaged or was replaced: publish the commit again")
	}
	return nil
}

// Close ends the read.
func (v *verified) Close() error { return v.body.Close() }
