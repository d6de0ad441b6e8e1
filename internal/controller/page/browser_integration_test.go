//go:build integration

package page_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	logs "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// pictures is the folder for pictures of the pages, "" for none. `make pictures` sets it.
var pictures = os.Getenv("UNIDESK_PICTURES")

// shown are the pictures that the documents have.
var shown = map[string]bool{"page-live-1440-light.png": true, "page-live-390-dark.png": true}

// browse opens a tab of a real Chromium on a desk's pages. What a page logs as an error, and a
// request to elsewhere, fails the test.
func browse(t *testing.T, d *desk) (tab context.Context, address string) {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("NOT TESTED, the page in a browser: there is no chromium (lab/setup.sh browser)")
	}
	server := httptest.NewServer(d.server(t).Handler())
	t.Cleanup(server.Close)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"))
	allocated, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	tab, closeTab := chromedp.NewContext(allocated, chromedp.WithListener(func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			t.Errorf("the page's script fails: %+v", e.ExceptionDetails)
			go stop() // what waits for the script waits no more
		case *runtime.EventConsoleAPICalled:
			t.Errorf("the page logs: %v", e.Args)
		case *logs.EventEntryAdded:
			t.Errorf("the browser complains: %s %s", e.Entry.Text, e.Entry.URL)
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(e.Request.URL, server.URL+"/") {
				t.Errorf("the page asks for %s", e.Request.URL)
			}
		}
	}))
	t.Cleanup(closeTab)
	ok(t, chromedp.Do(tab, command(network.Enable, network.EnableParams{}), command(logs.Enable, cdp.Empty{})))
	return tab, server.URL
}

// command returns the action of a command without a result.
func command[P any](c cdp.Command[P, cdp.Empty], params P) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, c, params)
		return chromedp.Void{}, err
	}
}

// run returns the value of an action.
func run[T any](tab context.Context, t *testing.T, a chromedp.Action[T]) T {
	t.Helper()
	v, err := chromedp.Run(tab, a)
	ok(t, err)
	return v
}

// heading is there when a page is.
var heading = chromedp.WaitReady(chromedp.CSS("main h1"))

// flaws returns what on a page a person cannot read: text without contrast, what is wider than
// the screen, headings that skip a level, what has no name.
const flaws = `(() => {
  const found = [];
  if (document.documentElement.scrollWidth > innerWidth) found.push("wider than the screen: " + document.documentElement.scrollWidth);
  const rgb = (c) => (c.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > 0) return c; }
    return [255, 255, 255];
  };
  for (const e of document.querySelectorAll("body *")) {
    const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!text || e.closest("[hidden]") || !e.getClientRects().length) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) found.push("contrast " + ratio.toFixed(2) + " of " + e.outerHTML.slice(0, 120));
  }
  let level = 0;
  for (const h of document.querySelectorAll("h1, h2, h3, h4")) {
    const n = Number(h.tagName[1]);
    if (n > level + 1) found.push("heading " + h.textContent + " skips a level");
    level = n;
  }
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  for (const e of document.querySelectorAll("a, button, progress")) if (!e.textContent.trim() && !e.title && !e.ariaLabel) found.push("no name: " + e.outerHTML);
  return found.join("\n");
})()`

// Each page is whole in a real browser: on a narrow and on a wide screen, light and dark.
func TestEachPageFitsABrowser(t *testing.T) {
	t.Parallel()
	d := newDesk(t, natural)
	tab, address := browse(t, d)
	for name, path := range map[string]string{
		"live": "/", "service": "/services/frontend", "receipt": "/receipts/" + d.reverted, "run": "/runs/" + d.going, "hosts": "/hosts",
	} {
		for _, width := range []int64{390, 1440} {
			for _, scheme := range []string{"light", "dark"} {
				ok(t, chromedp.Do(tab,
					chromedp.EmulateViewport(width, 900),
					command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}),
					chromedp.Navigate(address+path), heading))
				found := run(tab, t, chromedp.Evaluate[string](flaws))
				if found != "" {
					t.Errorf("%s at %d pixels, %s:\n%s", name, width, scheme, found)
				}
				if as := fmt.Sprintf("page-%s-%d-%s.png", name, width, scheme); pictures != "" && shown[as] {
					ok(t, os.WriteFile(filepath.Join(pictures, as), run(tab, t, chromedp.FullScreenshot(100)), 0o644))
				}
			}
		}
	}
}

// A deploy moves on the first page and on its own, without a reload by the reader.
func TestADeployIsSeenToMove(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]func(*desk) string{
		"the first page": func(*desk) string { return "/" },
		"the run's page": func(d *desk) string { return "/runs/" + d.going },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, all("word"))
			tab, address := browse(t, d)
			shows := func(text string) {
				t.Helper()
				run(tab, t, chromedp.Poll[bool](fmt.Sprintf("document.querySelector('main').innerText.includes(%q)", text), chromedp.WithPollingTimeout(0)))
			}
			bar := chromedp.Evaluate[float64](`document.querySelector("progress").value`)
			ok(t, chromedp.Do(tab, command(emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Shanghai"}), chromedp.Navigate(address+path(d))))
			shows("1.0 MB of 4.2 MB")
			before := run(tab, t, bar)
			l := d.line(d.going, "c", workload.PointTransfer, "word")
			l.Done, l.Total = 3<<20, 4<<20
			d.writer.Append(l)
			shows("3.1 MB of 4.2 MB")
			if after := run(tab, t, bar); before != 250 || after != 750 {
				t.Errorf("the bar goes from %g to %g", before, after)
			}
			d.writer.Append(d.line(d.going, "c", workload.PointSwitch, "the container is being replaced"))
			shows("the container is being replaced")
			l = d.line(d.going, "c", workload.PointRecord, "")
			l.End = &journal.End{Outcome: "unchanged"}
			d.writer.Append(l)
			shows("unchanged")
			began := d.now.Add(-time.Minute)
			zone := run(tab, t, chromedp.Evaluate[string](`(() => { const t = [...document.querySelectorAll("time")].find((t) => t.title.startsWith("`+began.Format("2006-01-02 15:04:05")+`")); return new Intl.DateTimeFormat().resolvedOptions().timeZone + " " + t?.textContent; })()`))
			if here := began.In(time.FixedZone("", 8*3600)).Format("3:04:05"); !strings.HasPrefix(zone, "Asia/Shanghai ") || !strings.Contains(zone, here) {
				t.Errorf("the time is %s, want %s", zone, here)
			}
		})
	}
}

// Without scripts the page has all of it, and the keyboard reaches it.
func TestThePageNeedsNoScriptAndNoMouse(t *testing.T) {
	t.Parallel()
	d := newDesk(t, all("word"))
	tab, address := browse(t, d)
	scripts := func(off bool) chromedp.Action[chromedp.Void] {
		return command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: off})
	}
	ok(t, chromedp.Do(tab, scripts(true), chromedp.Navigate(address), heading))
	text := run(tab, t, chromedp.Text(chromedp.CSS("body")))
	for _, want := range []string{"frontend", "down", "1.0 MB of 4.2 MB", "reverted", plain.Stamp(d.look.At)} {
		if !strings.Contains(text, want) {
			t.Errorf("without scripts it does not show %q:\n%s", want, text)
		}
	}
	ok(t, chromedp.Do(tab, scripts(false), chromedp.Navigate(address), heading, chromedp.KeyEvent("\t")))
	focused := run(tab, t, chromedp.Evaluate[string](`document.activeElement.className`))
	if focused != "skip" {
		t.Errorf("the first stop of the keyboard is %q", focused)
	}
}
