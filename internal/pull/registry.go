// Package pull reads images from a registry on this host's loopback. It writes
// nothing and believes nothing: any process of the host can push, so a tag is
// read once and turned into digests, every manifest, config and blob is hashed
// here whatever headers say (distribution specification, "Pulling manifests":
// the client should verify), sizes are limited before anything is read, and no
// redirect is followed.
package pull

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Config names the registry to read.
type Config struct {
	// URL is http://HOST:PORT with a loopback host and nothing after it.
	URL string
	// Idle is how long the registry may send nothing in the middle of an answer;
	// 0 means 30 s.
	Idle time.Duration
	// Backoff is the pause before the first of at most two further tries, tripled
	// before the second; 0 means 400 ms.
	Backoff time.Duration
}

// Host returns the registry's host and port.
func (r *Registry) Host() string { return r.host }

// Validate checks the URL: plain http is only right if nothing can be in between.
func (c Config) Validate() error {
	u, err := url.Parse(c.URL)
	if err != nil {
		return fmt.Errorf("registry URL: %w", err)
	}
	if u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("registry URL %q is not of the form http://127.0.0.1:5000", u.Redacted())
	}
	if ip, err := netip.ParseAddr(u.Hostname()); u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
		return fmt.Errorf("registry host %q is not a loopback address", u.Hostname())
	}
	return nil
}

// Registry is a reader of a registry. It is safe for concurrent use.
type Registry struct {
	base   string
	host   string // as people read it
	idle   time.Duration
	client *http.Client
	plain  *http.Transport
}

// New returns a reader. It connects to nothing yet.
func New(c Config) (*Registry, error) {
	if err := c.Validate(); err != nil {
		return nil, fault.New(fault.ConfigInvalid, "%w", err)
	}
	if c.Idle == 0 {
		c.Idle = 30 * time.Second
	}
	if c.Backoff == 0 {
		c.Backoff = 400 * time.Millisecond
	}
	plain := &http.Transport{
		// No Proxy: the environment of a service must not send these reads elsewhere.
		DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		// A blob is wanted as it is stored; Go would unpack what is served with
		// Content-Encoding: gzip, and the digest would not match.
		DisableCompression:     true,
		ResponseHeaderTimeout:  c.Idle,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        90 * time.Second,
	}
	retrying := transport.NewRetry(plain,
		transport.WithRetryBackoff(transport.Backoff{Duration: c.Backoff, Factor: 3, Jitter: 0.1, Steps: 3}),
		transport.WithRetryStatusCodes(http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout),
		transport.WithRetryPredicate(passing))
	return &Registry{
		base:  strings.TrimRight(c.URL, "/") + "/v2/",
		host:  strings.TrimRight(strings.TrimPrefix(c.URL, "http://"), "/"),
		idle:  c.Idle,
		plain: plain,
		client: &http.Client{
			Transport: retrying,
			// A registry with its blobs on disk never redirects; a redirect could make
			// this agent fetch from anywhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close ends idle connections.
func (r *Registry) Close() error {
	r.plain.CloseIdleConnections()
	return nil
}

// passing reports whether an error is that of a restarting registry before its first byte.
func passing(err error) bool {
	if te := (*transport.Error)(nil); errors.As(err, &te) {
		return te.Temporary()
	}
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// get asks for a path below /v2/. The caller closes the body, which fails when
// the registry falls silent. Whatever the answer, it comes from what has shown that
// it is a registry: a 404 of another program is no answer about an artifact.
func (r *Registry) get(ctx context.Context, method, path string, accept ...string) (*http.Response, error) {
	resp, answers, err := r.ask(ctx, method, path, accept...)
	if answers != stranger {
		return resp, err
	}
	// Some registries show it below /v2/ alone.
	if not := r.Ping(ctx); not != nil {
		if err == nil {
			_ = resp.Body.Close()
		}
		return nil, not
	}
	return resp, err
}

// ask sends a question.
func (r *Registry) ask(ctx context.Context, method, path string, accept ...string) (*http.Response, answerer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, nil)
	if err != nil {
		cancel(nil)
		return nil, silent, fault.New(fault.Internal, "ask registry: %w", err)
	}
	if len(accept) > 0 {
		req.Header.Set("Accept", strings.Join(accept, ","))
	}
	answers := silent
	resp, err := r.client.Do(req)
	if err == nil {
		answers = whose(resp)
		if err = transport.CheckError(resp, http.StatusOK); err != nil {
			_ = resp.Body.Close()
		}
	}
	if err != nil {
		if te := (*transport.Error)(nil); errors.As(err, &te) && len(te.Errors) > 0 {
			answers = itself
		}
		err = classify(ctx, err)
		cancel(nil)
		return nil, answers, err
	}
	resp.Body = &idleBody{ctx: ctx, cancel: cancel, idle: r.idle, body: resp.Body}
	return resp, answers, nil
}

// mostAnswer is how much of a registry's own words an error repeats, in bytes.
const mostAnswer = 1000

// legible is a registry's error whose words, a code, a message or a whole body, act on no terminal.
type legible struct{ answer *transport.Error }

func (l legible) Error() string { return plain.Bounded(l.answer.Error(), mostAnswer) }

func (l legible) Unwrap() error { return l.answer }

// classify gives a failed read its reason, by status code and never by text.
func classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	te := (*transport.Error)(nil)
	if !errors.As(err, &te) {
		return fault.Transient(fault.RegistryUnavailable, "registry does not answer: %w", err).WithAction(fault.RegistryHealth)
	}
	switch {
	case te.StatusCode == http.StatusInternalServerError: // after three tries
		return fault.New(fault.RegistryUnavailable, "%w", legible{te}).WithHint("the registry cannot read what it stores: see its log, and publish the commit again").
			WithAction(fault.RegistryHealth)
	case te.StatusCode >= 500, te.StatusCode == http.StatusRequestTimeout, te.StatusCode == http.StatusTooManyRequests:
		return fault.Transient(fault.RegistryUnavailable, "%w", legible{te}).WithAction(fault.RegistryHealth)
	case te.StatusCode == http.StatusNotFound:
		return fault.New(fault.ArtifactNotFound, "%w", legible{te})
	case te.StatusCode == http.StatusUnauthorized, te.StatusCode == http.StatusForbidden:
		return fault.New(fault.RegistryUnavailable, "%w", legible{te}).WithHint("the registry wants a login; the agent reads without one")
	default:
		return fault.New(fault.RegistryUnavailable, "%w", legible{te}).WithAction(fault.RegistryHealth)
	}
}

// readAll reads a body that must not be longer than limit. It allocates the announced
// length, if any: growing a buffer to megabytes takes twice as many, and the agent
// promises to be small.
func readAll(body io.Reader, told, limit int64) ([]byte, error) {
	tooLong := invalid("the registry's answer has more than %s, the most that is read", plain.Size(limit))
	if told > limit {
		return nil, tooLong
	}
	b := bytes.NewBuffer(make([]byte, 0, max(told, 0)+bytes.MinRead))
	if _, err := b.ReadFrom(io.LimitReader(body, limit+1)); err != nil {
		return nil, err
	}
	if int64(b.Len()) > limit {
		return nil, tooLong
	}
	return b.Bytes(), nil
}

// blobPath is the path of a blob below /v2/. Both values are parsed, so neither
// holds what a URL gives a meaning to.
func blobPath(repo artifact.Repository, d artifact.Digest) string {
	return repo.String() + "/blobs/" + d.String()
}
