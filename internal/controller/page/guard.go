package page

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

const (
	// mostConnections and mostStreams bound what readers can take from this machine.
	mostConnections, mostStreams = 32, 16
	mostHeader                   = 8 << 10
	timeToRead, timeToWrite      = 5 * time.Second, 10 * time.Second
	timeIdle                     = 2 * time.Minute
)

// guarded lets only requests pass that a browser on this machine, or at the end of a tunnel to
// it, makes for itself: any web page may have a browser ask a loopback address, or a name that
// leads there.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "this page is read-only", http.StatusMethodNotAllowed)
		case !loopbackName(r.Host):
			http.Error(w, "this page is served as localhost, 127.0.0.1 or [::1] alone", http.StatusMisdirectedRequest)
		case foreign(r):
			http.Error(w, "another site asks for this page", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// loopbackName reports whether a Host header names this machine: with any port, since a tunnel
// ends at a port of its reader's choice.
func loopbackName(host string) bool {
	name, port := host, ""
	if h, p, err := net.SplitHostPort(host); err == nil {
		name, port = h, p
	} else if bare := len(name) > 1 && name[0] == '[' && name[len(name)-1] == ']'; bare {
		name = name[1 : len(name)-1]
	}
	if _, err := strconv.ParseUint(port, 10, 16); port != "" && err != nil {
		return false
	}
	return name == "localhost" || name == "127.0.0.1" || name == "::1"
}

// foreign reports whether the page of another site made the browser ask. A link that a person
// follows is no such request: that site does not see the answer.
func foreign(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		return origin != "http://"+r.Host && origin != "https://"+r.Host
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return (site == "cross-site" || site == "same-site") && r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// Loopback reports whether an address of a TCP socket is one that the page is served as.
func Loopback(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err == nil && slices.Contains([]string{"127.0.0.1", "::1"}, at.Addr().String())
}
