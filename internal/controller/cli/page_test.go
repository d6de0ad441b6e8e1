package cli

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

// log is a stream that another goroutine may read.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// daemon starts a command that ends when it is stopped, at the end of the test at the latest. The
// test fails if it ends otherwise.
func daemon(t *testing.T, args ...string) (said *log, end func()) {
	t.Helper()
	said = &log{}
	stop, code := make(chan os.Signal, 1), make(chan int, 1)
	go func() { code <- Run(t.Context(), args, Streams{Out: said, Err: said, Stop: stop}, "1.2.3", nil) }()
	end = sync.OnceFunc(func() {
		stop <- os.Interrupt
		if got := <-code; got != present.ExitOK {
			t.Errorf("%q: exit %d: %s", args, got, said.String())
		}
	})
	t.Cleanup(end)
	return said, end
}

// aMaster writes the configuration of a master without an engine, with a line of its own.
func aMaster(t *testing.T, dir, line string) {
	t.Helper()
	for name, content := range map[string]string{
		"controller.yaml": "version: 1\nstate: " + dir + "/state\n" + line + "\nmaster: {root: " + dir + ", docker: 'unix:///nonexistent/docker.sock'}\n",
		"config.json":     `{"providerGateway":{"upgrade":{"composeEnvFile":"env"}}}`,
		"env":             "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// What a watch leaves, the page shows: a process that has that folder and nothing else.
func TestThePageShowsWhatTheWatchLeaves(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := filepath.Join(dir, "page")
	if err := os.Mkdir(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	aMaster(t, dir, "watch: {page: "+folder+"}")
	watch, _ := daemon(t, "--config", dir, "watch")
	served, _ := daemon(t, "page", "--folder", folder, "--listen", "127.0.0.1:0")
	var at []string
	for at == nil && t.Context().Err() == nil {
		time.Sleep(10 * time.Millisecond)
		at = regexp.MustCompile(`at=(127\.0\.0\.1:\d+)`).FindStringSubmatch(served.String())
	}
	ask := func(path string) (int, string) {
		answer, err := http.Get("http://" + at[1] + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		content, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(content)
	}
	for code := 0; code != http.StatusOK; code, _ = ask("/healthz") { // the first look is at once
		time.Sleep(10 * time.Millisecond)
	}
	code, page := ask("/")
	for _, want := range []string{"frontend", "unknown", "not asked", "no answer"} {
		if code != http.StatusOK || !strings.Contains(page, want) {
			t.Errorf("%d, without %q:\n%s\nthe watch: %s", code, want, page, watch.String())
		}
	}
	for _, want := range []string{"asks no other host", "unidesk-controller --config " + dir + " doctor"} {
		if _, hosts := ask("/hosts"); !strings.Contains(hosts, want) {
			t.Errorf("no %q:\n%s", want, hosts)
		}
	}
}

func TestThePageListensOnThisMachineAlone(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:8300", ":8300", "192.0.2.1:8300", "8300", "localhost:8300", "[::]:8300"} {
		var said log
		if got := Run(t.Context(), []string{"page", "--folder", t.TempDir(), "--listen", address}, Streams{Out: &said, Err: &said}, "1.2.3", nil); got != present.ExitUsage {
			t.Errorf("%s: exit %d: %s", address, got, said.String())
		}
	}
}
