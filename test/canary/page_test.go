//go:build integration

package canary

import (
	"bytes"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

var link = regexp.MustCompile(`(?:href|src)="(/[^"]*)"`)

// pages has a watch leave all of the world for the page, and reads each page that another page
// links to. receipt is of a version that printed all secrets: its last lines are shown.
func (f *flock) pages(t *testing.T, receipt string) {
	t.Helper()
	config, folder := filepath.Join(t.TempDir(), "etc"), t.TempDir()
	drive.Must(t, os.CopyFS(config, os.DirFS(world.Controller.Config)))
	drive.EditFile(t, filepath.Join(config, "controller.yaml"), func(s string) string { return s + "\nwatch: {page: " + folder + "}\n" })
	watch := world.Controller.Command(t.Context(), "watch")
	watch.Args[slices.Index(watch.Args, world.Controller.Config)] = config
	said, stop := start(t, watch)
	defer stop()
	there := func(what string, is func() bool) {
		t.Helper()
		for !is() {
			if t.Context().Err() != nil {
				t.Fatalf("there is no %s: %s", what, said())
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	for _, name := range []string{"snapshot.json", filepath.Join("runs", "prod", "*", receipt+".jsonl")} {
		there(name, func() bool {
			found, _ := filepath.Glob(filepath.Join(folder, name))
			return len(found) > 0
		})
	}
	f.SearchFiles(folder, func(string, fs.FileInfo) bool { return false })

	served, end := start(t, world.Controller.Command(t.Context(), "page", "--folder", folder, "--listen", "127.0.0.1:0"))
	defer end()
	var at []string
	there("address", func() bool {
		at = regexp.MustCompile(`at=(127\.0\.0\.1:\d+)`).FindStringSubmatch(served())
		return at != nil
	})
	read := map[string]bool{}
	var crawl func(path string)
	crawl = func(path string) {
		if read[path] {
			return
		}
		read[path] = true
		answer, err := http.Get("http://" + at[1] + path)
		drive.Must(t, err)
		defer answer.Body.Close()
		content, err := io.ReadAll(answer.Body)
		drive.Must(t, err)
		f.Search("the page "+path, content)
		if path == "/receipts/"+receipt && !bytes.Contains(content, []byte("[redacted]")) {
			t.Errorf("the page of %s does not show what was printed: %s", receipt, content)
		}
		for _, next := range link.FindAllSubmatch(content, -1) {
			crawl(string(next[1]))
		}
	}
	crawl("/")
	if !read["/receipts/"+receipt] || len(read) < 20 {
		t.Errorf("only %d pages are read: %v", len(read), read)
	}
	f.Search("the log of watch", []byte(said()))
	f.Search("the log of page", []byte(served()))
}

// start starts a daemon of the product. It returns what gives its log, and what stops it.
func start(t *testing.T, cmd *exec.Cmd) (log func() string, stop func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	file, err := os.Create(path)
	drive.Must(t, err)
	cmd.Stdout, cmd.Stderr = file, file
	drive.Must(t, cmd.Start())
	log = func() string {
		content, err := os.ReadFile(path)
		drive.Must(t, err)
		return strings.ToValidUTF8(string(content), "?")
	}
	return log, func() {
		drive.Must(t, cmd.Process.Signal(syscall.SIGINT))
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, log())
		}
		drive.Must(t, file.Close())
	}
}
