package envfile_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// churn edits a file until it is killed.
func churn(name string) {
	for i := 0; ; i++ {
		if err := envfile.Update(context.Background(), name, set("K_COMMIT", strings.Repeat(fmt.Sprint(i%10), 200))); err != nil {
			fmt.Fprintln(os.Stdout, err)
			os.Exit(1)
		}
	}
}

// TestAKilledSwapLeavesTheOldFileOrTheNew kills an editor at random moments.
func TestAKilledSwapLeavesTheOldFileOrTheNew(t *testing.T) {
	t.Parallel()
	foreign := "# top\nSECRET=hunter2\n" + strings.Repeat("# filler\n", 2000)
	name := write(t, foreign+"K_COMMIT=0\n", 0o640)
	whole := regexp.MustCompile(`^K_COMMIT=(0|0{200}|1{200}|2{200}|3{200}|4{200}|5{200}|6{200}|7{200}|8{200}|9{200})\n$`)
	r := rand.New(rand.NewPCG(1, 2))
	kills := 60
	if testing.Short() {
		kills = 6
	}
	for range kills {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "ENVFILE_TEST_CHURN="+name)
		var said strings.Builder
		cmd.Stdout = &said
		before, _ := os.ReadFile(name)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for now, end := before, time.Now().Add(2*time.Minute); bytes.Equal(now, before); now, _ = os.ReadFile(name) {
			if time.Now().After(end) {
				t.Fatal("the editor has not edited in two minutes")
			}
		}
		time.Sleep(time.Duration(r.IntN(int(10 * time.Millisecond))))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		b, err := os.ReadFile(name)
		if err != nil || said.Len() > 0 {
			t.Fatal(err, said.String())
		}
		rest, ok := strings.CutPrefix(string(b), foreign)
		if !ok || !whole.MatchString(rest) {
			t.Fatalf("neither old nor new: %q", rest)
		}
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o640 {
			t.Fatalf("mode %v, %v", info.Mode(), err)
		}
	}
	// What the killed ones left has the secrets in it, and goes with the next edit.
	stray := filepath.Join(filepath.Dir(name), ".controlled.env1234567890123456")
	backup := filepath.Join(filepath.Dir(name), ".controlled.env20260101")
	for _, f := range []string{stray, backup} {
		if err := os.WriteFile(f, []byte(foreign), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := envfile.Update(t.Context(), name, set("K_COMMIT", "end")); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 3 {
		t.Errorf("left behind, want the file, its lock and the user's backup: %v", entries)
	}
}

func TestAFullDiskLeavesTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("SKIPPED, cannot make a small filesystem: %v", err)
	}
	// A child of another test has what was open here until it execs: a plain unmount is refused.
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	name := filepath.Join(dir, "controlled.env")
	text := "SECRET=hunter2\n" + strings.Repeat("# filler\n", 2000)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// For each amount of room that is left: an edit, or the file as it was.
	full := 0
	for left := range 14 {
		if err := os.WriteFile(filepath.Join(dir, "other"), make([]byte, left*4096), 0o600); err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		err = envfile.Update(t.Context(), name, set("K_COMMIT", fmt.Sprint(left)))
		after, err2 := os.ReadFile(name)
		if err2 != nil {
			t.Fatal(err2)
		}
		switch {
		case err == nil && !strings.HasSuffix(string(after), fmt.Sprintf("K_COMMIT=%d\n", left)):
			t.Fatalf("%d: no error and no edit", left)
		case err != nil && fault.ReasonOf(err) != fault.DiskFull:
			t.Fatalf("%d: %v", left, err)
		case err != nil && !strings.HasSuffix(fault.HintOf(err), "; the file is as it was"):
			t.Fatalf("%d: the hint %q does not name the file", left, fault.HintOf(err))
		case err != nil && string(before) != string(after):
			t.Fatalf("%d: the file was changed: %q", left, after)
		case err != nil:
			full++
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 3 {
			t.Fatalf("%d: left behind: %v, %v", left, entries, err)
		}
		if left == 10 && full > 0 {
			break
		}
	}
	if full == 0 {
		t.Error("the disk was never full: the test is worth nothing")
	}
}
