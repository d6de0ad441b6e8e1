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
	"slices"
	"strings"
	"testing"
	"time"
)

// two is the lab; no test here is parallel, because they cut its power and its link.
var two *world

// The flags of the benchmark; `make bench` passes ARGS on.
var (
	benchRuns  = flag.Int("runs", 0, "how often the tests named TestBench measure; 0 skips them")
	benchOnly  = flag.String("only", "", "of the benchmark, these alone, with commas between: S0 to S9, memory, status, staging")
	benchGoals = flag.Bool("goals", false, "fail if a goal is missed or was not measured")
	benchStore = flag.String("stored", "gzip", "how the registry stores the benchmark's layers: gzip or none")
)

// benched skips a part of the benchmark that was not asked for.
func benched(t *testing.T, part string) {
	t.Helper()
	if *benchRuns == 0 || !chosen(part) {
		t.Skip("make bench runs this")
	}
}

func chosen(part string) bool {
	return *benchOnly == "" || slices.Contains(strings.Split(*benchOnly, ","), part)
}

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
