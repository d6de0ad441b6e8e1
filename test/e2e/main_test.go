//go:build e2e

// Package e2e tries the product between two hosts: a controller on the master, the
// agent as systemd's own unit on D601, and a real link between them that can be
// made slow, counted, and cut. Package hosts brings the hosts up.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"
)

// two is the lab; no test here is parallel, because they cut its power and its link.
var two *world

var benchRuns = flag.Int("bench-runs", 0, "how often TestBench measures; 0 skips it")

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	w, err := start(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	two = w
	code := m.Run()
	if err := w.close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
