package registryhost

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

// ask asks GET /v2/ at the endpoint itself: through no proxy, at no other place
// that the answer may point to. Of the answer's body only this is read: whether it is
// the error document of a registry.
func ask(ctx context.Context, endpoint netip.AddrPort, wait time.Duration) registry.APIFacts {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	client := &http.Client{
		Transport: &http.Transport{
			Proxy: nil, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
			DialContext: (&net.Dialer{}).DialContext,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+endpoint.String()+"/v2/", nil)
	if err != nil {
		return registry.APIFacts{Error: err.Error()}
	}
	req.Header.Set("User-Agent", "unidesk-agent")
	resp, err := client.Do(req)
	if err != nil {
		words, late := explain(err)
		return registry.APIFacts{Error: words, TimedOut: late}
	}
	defer func() { _ = resp.Body.Close() }()
	shown := resp.Header.Get("Docker-Distribution-Api-Version") != "" || isErrorDocument(resp.Body)
	return registry.APIFacts{Status: resp.StatusCode, Registry: &shown}
}

// isErrorDocument knows the answer of a registry that refuses (OCI distribution
// specification, "Error Codes").
func isErrorDocument(body io.Reader) bool {
	var document struct{ Errors []struct{ Code string } }
	err := json.NewDecoder(io.LimitReader(body, 64<<10)).Decode(&document)
	return err == nil && len(document.Errors) > 0 && document.Errors[0].Code != ""
}

// explain returns why there was no answer, and whether the reason was time.
func explain(err error) (words string, late bool) {
	op := (*net.OpError)(nil)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return "no answer in time", true
	case errors.Is(err, context.Canceled):
		return "the question was given up", false
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused", false
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed without an answer", false
	case errors.As(err, &op):
		return "cannot be reached: " + op.Err.Error(), false
	default:
		return "the answer is not HTTP", false
	}
}
