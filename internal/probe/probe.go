// Package probe asks a service for its health, at an address that the caller took from
// the container itself. It never fails: that there is no usable answer is a fact about
// the service. It returns nothing of the body but the few fields that a deploy needs,
// since the body may hold anything.
package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

const (
	// MaxAnswer is more bytes than a health answer has any use for.
	MaxAnswer = 1 << 20
	// DefaultTimeout is for a single question, from dialling to the last byte.
	DefaultTimeout = 3 * time.Second
)

// Prober asks questions; it may be used concurrently.
type Prober struct {
	client  *http.Client
	timeout time.Duration
}

// New returns a prober whose questions take at most timeout, 0 for the default.
func New(timeout time.Duration) *Prober {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	return &Prober{timeout: timeout, client: &http.Client{
		// No proxy from the environment, and nothing kept open to a container that
		// may be about to go.
		Transport: &http.Transport{
			Proxy: nil, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
			DialContext: (&net.Dialer{}).DialContext,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Ask asks the question at the first of the addresses that answers at all.
func (p *Prober) Ask(ctx context.Context, addrs []netip.Addr, q workload.Probe) workload.Health {
	h := workload.Health{Error: "the container has no address"}
	for _, addr := range addrs {
		if h = p.ask(ctx, netip.AddrPortFrom(addr, uint16(q.Port)), q); h.Status != 0 || ctx.Err() != nil {
			return h
		}
	}
	return h
}

func (p *Prober) ask(ctx context.Context, at netip.AddrPort, q workload.Probe) (h workload.Health) {
	if q.Port < 1 || q.Port > 65535 || !strings.HasPrefix(q.Path, "/") {
		return workload.Health{Error: "the probe's port or path is not valid"}
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	path, query, _ := strings.Cut(q.Path, "?")
	u := url.URL{Scheme: "http", Host: at.String(), Path: path, RawQuery: query}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return workload.Health{Error: "the probe's port or path is not valid"}
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "unidesk-probe")
	resp, err := p.client.Do(req)
	if err != nil {
		return workload.Health{Error: explain(err)}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
	if h = Read(resp.StatusCode, body, q.Flags); err != nil {
		return workload.Health{Status: resp.StatusCode, Error: "the answer breaks off: " + explain(err)}
	}
	return h
}

// Read returns the health that an answer reports, whatever carried it.
func Read(status int, body []byte, flags []string) (h workload.Health) {
	h.Status = status
	switch {
	case status >= 300 && status < 400:
		h.Error = "redirects to another place (HTTP " + strconv.Itoa(status) + ")"
	case len(body) > MaxAnswer:
		h.Error = "the answer is larger than 1 MiB"
	default:
		read(&h, body, flags)
	}
	return h
}

// read takes what is wanted out of an answer, whatever else is in it. A field of
// another type than it should have counts as missing.
func read(h *workload.Health, body []byte, flags []string) {
	var payload map[string]any
	if err := json.Unmarshal(body, &payload); err != nil || payload == nil {
		h.Error = "the answer is not a JSON object"
		if h.Status != http.StatusOK {
			h.Error = fmt.Sprintf("HTTP %d without a JSON object", h.Status)
		}
		return
	}
	ok, told := lookup(payload, "ok").(bool)
	h.OK = h.Status == http.StatusOK && (ok || !told && lookup(payload, "ok") == nil)
	h.Commit = text(lookup(payload, "deploy.commit"))
	h.RequestedCommit = text(lookup(payload, "deploy.requestedCommit"))
	for _, name := range flags {
		if v, is := lookup(payload, name).(bool); is {
			if h.Flags == nil {
				h.Flags = make(map[string]bool, len(flags))
			}
			h.Flags[name] = v
		}
	}
}

// lookup follows a dotted path.
func lookup(payload map[string]any, path string) any {
	var at any = payload
	for name := range strings.SplitSeq(path, ".") {
		m, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = m[name]
	}
	return at
}

// text returns a string that is fit for a commit, else "": a health answer does
// not get to put anything into our output.
func text(v any) string {
	s, _ := v.(string)
	if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return s
}

// explain returns why there is no answer, in words that do not depend on the address.
func explain(err error) string {
	var dns *net.OpError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed without an answer"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to the container"
	case errors.Is(err, context.Canceled):
		return "the question was given up"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &dns):
		return "cannot be reached"
	default:
		return "the answer is not HTTP"
	}
}
