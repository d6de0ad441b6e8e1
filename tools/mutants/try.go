package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// verdict is what became of a fault.
type verdict string

const (
	caught  verdict = "caught"
	live    verdict = "LIVE"
	broken  verdict = "BROKEN"    // the seed itself is wrong
	untried verdict = "NOT TRIED" // the time is over, or go test did not run
)

// attempt is the trial of a seed.
type attempt struct {
	verdict verdict
	by      string // the test that failed, or why there is none
	took    time.Duration
}

type tester struct {
	root    string        // of the module
	dir     string        // for the faulty files
	timeout time.Duration // of a package's tests
}

// try runs the seed's tests with its fault in place.
func (t tester) try(ctx context.Context, s seed) attempt {
	begun := time.Now()
	overlay, err := t.overlay(s)
	if err != nil {
		return attempt{verdict: broken, by: err.Error()}
	}
	found, err := t.test(ctx, s.packages, t.timeout, "-overlay", overlay)
	if err == nil && found.timedOut { // the fault hangs, or the machine is busy
		found, err = t.test(ctx, s.packages, 5*t.timeout, "-overlay", overlay)
	}
	a := attempt{verdict: live, by: "all tests pass", took: time.Since(begun)}
	switch {
	case err != nil:
		a.verdict, a.by = untried, err.Error()
	case found.unbuilt:
		a.verdict, a.by = broken, "the fault does not compile: "+found.first
	case found.failed:
		a.verdict, a.by = caught, found.first
	}
	return a
}

// overlay writes the faulty file and the list that names it to the go command.
func (t tester) overlay(s seed) (string, error) {
	real, err := filepath.Abs(filepath.Join(t.root, s.file))
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(real)
	if err != nil {
		return "", err
	}
	if n := bytes.Count(text, []byte(s.old)); n != 1 {
		return "", fmt.Errorf("%q is in %s %d times, want once", s.old, s.file, n)
	}
	dir, err := os.MkdirTemp(t.dir, "seed")
	if err != nil {
		return "", err
	}
	faulty := filepath.Join(dir, filepath.Base(real))
	if err := os.WriteFile(faulty, bytes.Replace(text, []byte(s.old), []byte(s.new), 1), 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {real: faulty}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, list, 0o600)
}

// findings is what a run of go test came to.
type findings struct {
	failed   bool
	unbuilt  bool
	timedOut bool
	first    string // the first test that failed, or the compiler's message
}

// test runs the unit tests of packages. A test that hangs fails by the timeout.
func (t tester) test(ctx context.Context, packages []string, timeout time.Duration, flags ...string) (findings, error) {
	args := append([]string{"test", "-json", "-vet=off", "-short", "-failfast", "-timeout", timeout.String()}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, packages...)...)
	cmd.Dir = t.root
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // with the test that it runs
	cmd.WaitDelay = 10 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what a test that failed has left running
	}
	if ctx.Err() != nil {
		return findings{}, errors.New("the time is over")
	}
	found, bad := judge(out)
	if bad == nil && err != nil && !found.failed && !found.unbuilt {
		bad = fmt.Errorf("%w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return found, bad
}

// judge reads what go test -json prints.
func judge(out []byte) (found findings, err error) {
	var compiler string
	for line := range bytes.Lines(out) {
		var e struct{ Action, Package, Test, Output string }
		if err := json.Unmarshal(line, &e); err != nil {
			return findings{}, fmt.Errorf("go test prints no JSON: %s", bytes.TrimSpace(line))
		}
		switch e.Action {
		case "build-output":
			if compiler == "" && !strings.HasPrefix(e.Output, "#") {
				compiler = strings.TrimSpace(e.Output)
			}
		case "build-fail":
			found.unbuilt = true
		case "output":
			found.timedOut = found.timedOut || strings.HasPrefix(e.Output, "panic: test timed out after ")
		case "fail":
			found.failed = true
			if found.first == "" {
				found.first = strings.TrimSpace(e.Package[strings.LastIndex(e.Package, "/")+1:] + " " + e.Test)
			}
		}
	}
	if found.unbuilt {
		found.first = compiler
	}
	return found, nil
}
