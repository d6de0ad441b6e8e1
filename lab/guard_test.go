//go:build integration

package lab_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// A second world on the first world's engine, as on a machine with Docker in use
// already: it meets nothing of the first world and leaves nothing behind.
func testShared(t *testing.T, w *lab.World) {
	before := inventory(t, w.Engine)
	second, err := lab.Start(t.Context(), lab.Options{
		WithoutProduct: true, Socket: strings.TrimPrefix(w.Engine.Host, "unix://"), Installed: []string{"baidu-netdisk"},
	})
	if err != nil {
		t.Fatal(err)
	}
	commit, err := second.Master.LiveCommit(t.Context(), "baidu-netdisk")
	if second.Engine.Private || err != nil || commit != second.Installed["baidu-netdisk"].SourceCommit {
		t.Errorf("on a shared engine (%t) runs %q (%v)", !second.Engine.Private, commit, err)
	}
	if inventory(t, w.Engine) == before {
		t.Error("the second world is not on the first one's engine")
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if after := inventory(t, w.Engine); after != before {
		t.Errorf("the second world left something behind:\n%s\nwas:\n%s", after, before)
	}
}

// A lab that is killed cannot clean up; its guard does.
func testGuard(t *testing.T, _ *lab.World) {
	program := filepath.Join(t.TempDir(), "world")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/world").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), program, "-without-product", "-installed", "frontend")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var dir string
	for lines := bufio.NewScanner(out); lines.Scan() && !strings.HasPrefix(lines.Text(), "interrupt"); {
		if name, value, _ := strings.Cut(lines.Text(), " "); name == "folder" {
			dir = strings.TrimSpace(value)
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if dir == "" {
		t.Fatal("the world did not come up")
	}
	var left []string
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if left = processes(t, dir); len(left) == 0 {
			if _, err := os.Stat(dir); os.IsNotExist(err) {
				return
			}
		}
	}
	t.Errorf("%s or its processes are still there: %v", dir, left)
}

// inventory is what an engine holds, as text.
func inventory(t *testing.T, e *lab.Engine) string {
	t.Helper()
	var all strings.Builder
	for _, args := range [][]string{
		{"ps", "--all", "--format", "{{.Names}}"},
		{"images", "--all", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"},
		{"network", "ls", "--format", "{{.Name}}"},
		{"volume", "ls", "--format", "{{.Name}}"},
	} {
		out, err := e.Docker(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		// Images of the same second come in any order.
		lines := slices.Sorted(strings.Lines(out))
		all.WriteString(strings.Join(lines, ""))
	}
	return all.String()
}

// processes lists those whose command line names the folder.
func processes(t *testing.T, dir string) (lines []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), dir) {
			lines = append(lines, strings.ReplaceAll(string(b), "\x00", " "))
		}
	}
	return lines
}
