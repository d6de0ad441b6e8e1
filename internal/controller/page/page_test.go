package page_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/page"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/snapshot"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func paths(d *desk) []string {
	return []string{"/", "/services/frontend", "/services/baidu-netdisk", "/receipts/" + d.kept, "/receipts/" + d.reverted, "/runs/" + d.reverted, "/runs/" + d.going, "/hosts"}
}

// Each page shows what it is for, and each of its links leads somewhere.
func TestEachPageShowsItsPart(t *testing.T) {
	t.Parallel()
	d := newDesk(t, all("a word of someone"))
	h := d.server(t).Handler()
	for path, want := range map[string][]string{
		"/":                       {"down", "aaaaaaaaaaaa", "3 newer published", "unhealthy", "a word of someone", "running deploys", "1.0 MB of 4.2 MB", "interrupted:", "reverted", "never deployed: met-nonlinear"},
		"/services/frontend":      {"down", strings.Repeat("a", 40), "--to " + strings.Repeat("0", 40), "reverted", "down for 4.2 s", "newest published", "cccccccccccc", "5.2 MB"},
		"/services/baidu-netdisk": {"proven", strings.Repeat("d", 40)},
		"/receipts/" + d.kept:     {"succeeded", strings.Repeat("a", 40), "independent", "self-reported", "checks", "passed", "failed", "snapshot", "1.0 MB transferred, of 4.2 MB", "verified"},
		"/receipts/" + d.reverted: {"reverted", "because", "the last lines of its container"},
		"/runs/" + d.going:        {"running", "transfer"},
		"/runs/" + d.reverted:     {"reverted", "record"},
		"/hosts":                  {"the controller of the master is v0.1.0", "answers", "does not answer", "unhealthy", "host_unreachable", "artifact-registry health", "passed", "failed", "unidesk-controller doctor"},
		"/status.json":            {`"schemaVersion": 1`, `"services"`},
		"/healthz":                {"ok"},
	} {
		got := get(h, path)
		content := strings.ToLower(got.text)
		if got.code != http.StatusOK {
			t.Errorf("%s: %d\n%s", path, got.code, content)
		}
		for _, w := range want {
			if !strings.Contains(content, strings.ToLower(w)) {
				t.Errorf("%s does not show %q:\n%s", path, w, content)
			}
		}
	}
	for _, path := range paths(d) {
		elements(t, get(h, path).text, func(n *html.Node) {
			for _, link := range []string{attribute(n, "href"), attribute(n, "src")} {
				if strings.HasPrefix(link, "/") && get(h, link).code != http.StatusOK {
					t.Errorf("%s: %s leads to %d", path, link, get(h, link).code)
				}
			}
		})
	}
	var status overview.Status
	ok(t, json.Unmarshal([]byte(get(h, "/status.json").text), &status))
	if len(status.Services) != len(d.look.Services) {
		t.Errorf("%+v", status)
	}
	for _, path := range []string{"/nothing", "/services/nothing", "/receipts/..%2f", "/runs/nothing", "/assets/nothing", "/templates/base.html"} {
		if got := get(h, path).code; got != http.StatusNotFound {
			t.Errorf("%s: %d", path, got)
		}
	}
}

// A text of a file, of a person or of a host makes no element, no attribute and no link.
func TestNoTextIsMarkup(t *testing.T) {
	t.Parallel()
	shape := func(word string) (names []string) {
		d := newDesk(t, all(word))
		h := d.server(t).Handler()
		for _, path := range paths(d) {
			elements(t, get(h, path).text, func(n *html.Node) {
				name := n.Data
				for _, a := range n.Attr {
					name += " " + a.Key
					if strings.HasPrefix(a.Key, "on") || strings.Contains(a.Val, "javascript:") {
						t.Errorf("%s has %s=%q", path, a.Key, a.Val)
					}
				}
				names = append(names, name)
			})
		}
		return names
	}
	plain := shape("word")
	for _, word := range []string{
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, "javascript:alert(1)", "{{.Now}}", "</title><h1>x</h1>", "-->", "<!--",
		"\x1b]0;x\a", "\u202e", "]]>", "&lt;script&gt;",
	} {
		if got := shape(word); !slices.Equal(got, plain) {
			t.Errorf("%q makes other elements", word)
		}
	}
}

// A command that a page shows is about the folder that its watch was started for.
func TestACommandOfAPageNamesItsFolder(t *testing.T) {
	t.Parallel()
	d := newDesk(t, all("run `unidesk-controller recover` as root"))
	d.publisher.Config = `/srv/"a" & <b>`
	d.publisher.Write(d.look)
	h, want, seen := d.server(t).Handler(), `unidesk-controller --config '/srv/"a" & <b>' `, 0
	shown := func(path, text string) {
		if seen += strings.Count(text, want); strings.Count(text, want) != strings.Count(text, "unidesk-controller ") {
			t.Errorf("%s has a command of another folder:\n%s", path, text)
		}
	}
	for _, path := range paths(d) {
		shown(path, html.UnescapeString(get(h, path).text))
	}
	var status struct {
		Registry struct{ Summary string }
	}
	if err := json.Unmarshal([]byte(get(h, "/status.json").text), &status); err != nil {
		t.Fatal(err)
	}
	shown("/status.json", status.Registry.Summary)
	if seen < 20 {
		t.Errorf("%d commands are shown", seen)
	}
}

func TestOnlyThisMachineIsAnswered(t *testing.T) {
	t.Parallel()
	h := newDesk(t, all("word")).server(t).Handler()
	ask := func(method, host string, header http.Header) int {
		w, r := httptest.NewRecorder(), httptest.NewRequest(method, "/", nil)
		r.Host, r.Header = host, header
		h.ServeHTTP(w, r)
		for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Resource-Policy", "Cache-Control"} {
			if w.Header().Get(name) == "" {
				t.Errorf("%s %s: no %s", method, host, name)
			}
		}
		return w.Code
	}
	for host, want := range map[string]int{
		"localhost": 200, "localhost:8300": 200, "127.0.0.1:1": 200, "[::1]:8300": 200, "[::1]": 200, "127.evil.com": 421, "localhost.evil.com:80": 421, "evil.com": 421, "": 421,
		"127.0.0.1.nip.io": 421, "127.0.0.2": 421, "localhost:evil": 421, "localhost:80:80": 421, "localhost:99999": 421, "[localhost]": 200, "LOCALHOST": 421, "localhost.": 421,
	} {
		if got := ask(http.MethodGet, host, nil); got != want {
			t.Errorf("host %q: %d, want %d", host, got, want)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "x"} {
		if got := ask(method, "localhost", nil); got != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, got)
		}
	}
	for name, c := range map[string]struct {
		header http.Header
		want   int
	}{
		"its own script":     {http.Header{"Origin": {"http://localhost"}, "Sec-Fetch-Site": {"same-origin"}}, 200},
		"another site's":     {http.Header{"Origin": {"http://evil.com"}}, 403},
		"no origin":          {http.Header{"Origin": {"null"}}, 403},
		"another port's":     {http.Header{"Origin": {"http://localhost:1"}}, 403},
		"an image of a site": {http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"no-cors"}}, 403},
		"a neighbour's":      {http.Header{"Sec-Fetch-Site": {"same-site"}, "Sec-Fetch-Mode": {"no-cors"}}, 403},
		"a link":             {http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}}, 200},
		"typed":              {http.Header{"Sec-Fetch-Site": {"none"}, "Sec-Fetch-Mode": {"navigate"}}, 200},
	} {
		if got := ask(http.MethodGet, "localhost", c.header); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	for address, want := range map[string]bool{"127.0.0.1:8300": true, "[::1]:1": true, "0.0.0.0:8300": false, ":8300": false, "localhost:8300": false, "10.0.0.1:1": false, "x": false, "": false} {
		if got := page.Loopback(address); got != want {
			t.Errorf("%q: %t", address, got)
		}
	}
}

// The page shows how old it is, and that no watch writes it.
func TestWithoutAWatchThePageShowsIt(t *testing.T) {
	t.Parallel()
	d := newDesk(t, all("word"))
	s := d.server(t)
	h := s.Handler()
	if text := get(h, "/").text; strings.Contains(text, "The watch is down") || !strings.Contains(text, "as of") {
		t.Error(text)
	}
	s.Now = func() time.Time { return d.now.Add(4 * time.Minute) }
	if text := get(h, "/").text; !strings.Contains(text, "The watch is down") {
		t.Error(text)
	}
	if got := get(h, "/healthz").code; got != http.StatusServiceUnavailable {
		t.Error(got)
	}
	s.Now = func() time.Time { return d.now }
	d.unwatch() // its snapshot is new, and no watch writes another
	if text := get(h, "/").text; !strings.Contains(text, "The watch is down") || strings.Contains(text, "killed") {
		t.Error(text)
	}
	if text := get(h, "/runs/"+d.going).text; !strings.Contains(text, ">unknown<") {
		t.Error(text)
	}
	var logged []string
	for name, content := range map[string]string{"no snapshot": "", "half a snapshot": `{"schemaVersion":`, "another version": `{"schemaVersion":2}`} {
		folder := t.TempDir()
		if content != "" {
			ok(t, os.WriteFile(filepath.Join(folder, "snapshot.json"), []byte(content), 0o600))
		}
		h := page.New(folder, slogTo(&logged)).Handler()
		for _, path := range []string{"/", "/hosts", "/healthz", "/status.json"} {
			if got := get(h, path).code; got != http.StatusServiceUnavailable {
				t.Errorf("%s: %s: %d", name, path, got)
			}
		}
	}
	if len(logged) == 0 {
		t.Error("nothing is logged")
	}
}

// A stream begins with the line of each run that goes on, and moves as the run does.
func TestARunMovesInTheStream(t *testing.T) {
	t.Parallel()
	d := newDesk(t, all("word"))
	server := httptest.NewServer(d.server(t).Handler())
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // an event that does not come ends the stream
	t.Cleanup(cancel)
	open := func() (int, *bufio.Scanner) {
		request := must(http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/events", nil))
		answer, err := http.DefaultClient.Do(request)
		ok(t, err)
		t.Cleanup(func() { _ = answer.Body.Close() })
		return answer.StatusCode, bufio.NewScanner(answer.Body)
	}
	_, stream := open()
	next := func(want string) {
		t.Helper()
		for stream.Scan() {
			if strings.Contains(stream.Text(), want) {
				return
			}
		}
		t.Fatalf("the stream ends without %q: %v", want, stream.Err())
	}
	next("1.0 MB of 4.2 MB")
	d.writer.Append(d.line(d.going, "c", workload.PointBefore, "the container is being replaced"))
	next(`"point":"snapshot","text":"the container is being replaced"`)
	if page := get(server.Config.Handler, "/runs/"+d.going).text; !strings.Contains(page, "data-point>snapshot<") || strings.Contains(page, "before-image") {
		t.Errorf("the run's page has the journal's word: %s", page)
	}
	last := d.line(d.going, "c", workload.PointRecord, "")
	last.End = &journal.End{Outcome: "succeeded"}
	d.writer.Append(last)
	next("event: changed")
	d.look.At = d.look.At.Add(time.Second)
	d.publisher.Write(d.look)
	next("event: changed")
	d.unwatch()
	next("event: changed") // an open page shows that the watch is down
	for range 15 {
		if code, _ := open(); code != http.StatusOK {
			t.Fatal(code)
		}
	}
	if code, _ := open(); code != http.StatusServiceUnavailable {
		t.Errorf("the seventeenth stream: %d", code)
	}
}

// What is no part of a page is not published.
func TestASnapshotHasWhatIsShown(t *testing.T) {
	t.Parallel()
	d := newDesk(t, all("word"))
	s, err := snapshot.Read(d.folder)
	ok(t, err)
	if len(s.Receipts) != 3 || s.Receipts[0].ID != d.reverted || s.Receipts[0].Stamps != nil || s.Receipts[0].Transfer.Layers != nil {
		t.Errorf("%+v", s.Receipts)
	}
	if len(s.Shelves) != 1 || len(s.Shelves[0].Artifacts) != 2 || s.Shelves[0].Others != nil {
		t.Errorf("%+v", s.Shelves)
	}
	info, err := os.Stat(filepath.Join(d.folder, "snapshot.json"))
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
