package tools_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// newModule is a module with a script of this folder and test files, by their paths.
func newModule(t *testing.T, script string, files map[string]string) repo {
	t.Helper()
	r := repo{t, t.TempDir()}
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"go.mod": "module example.org/m\n\ngo 1.26\n", "tools/" + script: string(text)}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		path := filepath.Join(r.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestACrasherFailsTheFuzzRunAndIsKept(t *testing.T) {
	t.Parallel()
	target := func(name, body string) string {
		return "package p\n\nimport \"testing\"\n\nfunc " + name + "(f *testing.F) {\n\tf.Add([]byte(\"a\"))\n\tf.Fuzz(func(t *testing.T, b []byte) { " + body + " })\n}\n"
	}
	r := newModule(t, "fuzz.sh", map[string]string{
		"internal/good/p_test.go": target("FuzzGood", ""),
		"internal/bad/p_test.go":  target("FuzzBad", "if string(b) != \"a\" { t.Error(\"it is another\") }"),
		"internal/none/p_test.go": "package p\n",
	})
	out, err := r.run("env", "FUZZ_SHARE=100", "tools/fuzz.sh")
	for _, want := range []string{"FuzzGood, 200 inputs", "it is another", "fuzz: 2 targets, 1 with a crasher", "fuzz: ./internal/bad FuzzBad\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in the output", want)
		}
	}
	kept, _ := filepath.Glob(filepath.Join(r.dir, "internal/bad/testdata/fuzz/FuzzBad/*"))
	if err == nil || len(kept) != 1 || strings.Contains(out, "coverage instrumentation") {
		t.Errorf("%v, %d inputs are kept: %s", err, len(kept), out)
	}
	if out, err := r.run("env", "FUZZ_SHARE=1000", "tools/fuzz.sh", "./internal/none"); err == nil {
		t.Errorf("a run of no target is a success: %s", out)
	}
}

func TestSteadyCountsTheRunsThatPass(t *testing.T) {
	t.Parallel()
	r := newModule(t, "steady.sh", map[string]string{
		"good/p_test.go":  "package p\n\nimport \"testing\"\n\nfunc TestGood(*testing.T) {}\n",
		"shaky/p_test.go": "package p\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestShaky(t *testing.T) {\n\tif os.Mkdir(\"seen\", 0o700) == nil {\n\t\tt.Fatal(\"the first\")\n\t}\n}\n",
	})
	out, err := r.run("env", "STEADY_LOOPS=1", "tools/steady.sh", "./good", "./shaky")
	for _, want := range []string{"ten of ten  ./good ", "run 1 of ./shaky fails:\n", "the first", "9 of ten  ./shaky ", "1 that fail at times"} {
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("%v, and %q is not in %s", err, want, out)
		}
	}
}

func TestSteadyRunsTheUnitTestsOnlyOfWhatTakesLong(t *testing.T) {
	t.Parallel()
	const unit, real = "package p\n\nimport \"testing\"\n\nfunc TestUnit(*testing.T) {}\n", "//go:build integration\n\npackage p\n\nimport \"testing\"\n\nfunc TestReal(t *testing.T) { t.Fatal(\"real\") }\n"
	r := newModule(t, "steady.sh", map[string]string{"a/p_test.go": unit, "a/real_test.go": real, "b/p_test.go": unit, "b/real_test.go": real})
	out, err := r.run("env", "STEADY_LOOPS=1", "STEADY_TIMES=1", "tools/steady.sh", "./a", "-unit", "./b")
	for _, want := range []string{"0 of 1  ./a ", "1 of 1  ./b ", "steady: 2 packages", "1 that fail at times"} {
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("%v, and %q is not in %s", err, want, out)
		}
	}
}

// A busy loop that stays would slow down all that comes after it.
func TestNothingStaysOfAnInterruptedSteady(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		r := newModule(t, "steady.sh", map[string]string{
			"p/p_test.go": "package p\n\nimport (\n\t\"os\"\n\t\"strconv\"\n\t\"testing\"\n\t\"time\"\n)\n\nfunc TestLong(*testing.T) {\n" +
				"\t_ = os.WriteFile(\"pid~\", []byte(strconv.Itoa(os.Getpid())), 0o600)\n\t_ = os.Rename(\"pid~\", \"pid\")\n\ttime.Sleep(time.Minute)\n}\n",
		})
		cmd := exec.CommandContext(t.Context(), "tools/steady.sh", "./p")
		cmd.Dir = r.dir
		cmd.Env = append(os.Environ(), "STEADY_LOOPS=2")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		var pid int
		for pid == 0 && t.Context().Err() == nil {
			text, _ := os.ReadFile(filepath.Join(r.dir, "p/pid"))
			pid, _ = strconv.Atoi(string(text))
			time.Sleep(10 * time.Millisecond)
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if signal == syscall.SIGKILL { // only the loops see it
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		for _, gone := range []int{pid, -cmd.Process.Pid} {
			for !errors.Is(syscall.Kill(gone, 0), syscall.ESRCH) && t.Context().Err() == nil {
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
}
