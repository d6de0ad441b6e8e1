// Command mutants shows whether the unit tests notice faults. It puts named faults, the
// seeds, into the source, a seed at a time, and runs the unit tests over each. A fault
// that no test notices is alive, and the command exits with 1. The danger is a seed
// that tests nothing: a seed whose old text is not in its file exactly once, or whose
// fault does not compile, is an error, too.
//
// The tree is never changed: the go command reads the faulty file in place of the
// real file (-overlay). Tests are run with -short: a fault that only a long random test
// finds is worth a short test of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	root := flags.String("root", "..", "the folder of the module to test")
	folder := flags.String("seeds", "mutants/seeds", "the folder of the seeds")
	only := flags.String("only", "", "try only the seeds of this file, for example confirm")
	share := flags.Int("share", 1, "try only one seed in so many")
	of := flags.String("of", "", "what the share depends on, for example a commit: each has another one")
	timeout := flags.Duration("timeout", time.Minute, "the time for a package's tests; tests that exceed it are run again with five times as much")
	limit := flags.Duration("limit", 30*time.Minute, "the time for all seeds")
	workers := flags.Int("parallel", runtime.NumCPU(), "how many seeds are tried at a time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	begun := time.Now()
	seeds, err := readSeeds(*folder, *only)
	if err != nil {
		return err
	}
	all := len(seeds)
	if seeds = shareOf(seeds, *share, *of); len(seeds) < all {
		fmt.Fprintf(out, "%d of %d faults are tried, by -share %d of %q\n", len(seeds), all, *share, *of)
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()

	t := tester{root: *root, dir: dir, timeout: *timeout}
	if err := t.sound(ctx, seeds); err != nil {
		return err
	}
	count := t.all(ctx, seeds, *workers, func(s seed, a attempt) {
		fmt.Fprintf(out, "%-9s %s: %s (%s; %.1f s)\n", a.verdict, s.group, s.name, a.by, a.took.Seconds())
	})
	fmt.Fprintf(out, "%d faults: %d caught, %d live, %d broken, %d not tried; %.0f s\n",
		len(seeds), count[caught], count[live], count[broken], count[untried], time.Since(begun).Seconds())
	if count[caught] != len(seeds) {
		return errors.New("not every fault is caught: write the unit test that fails for it, or correct its seed")
	}
	return nil
}

// shareOf returns an nth of the seeds. The text decides which: over many texts every
// seed has its turn.
func shareOf(seeds []seed, n int, text string) []seed {
	if n <= 1 {
		return seeds
	}
	return slices.DeleteFunc(slices.Clone(seeds), func(s seed) bool {
		h := fnv.New32a()
		_, _ = io.WriteString(h, text+"\x00"+s.group+"\x00"+s.name)
		return h.Sum32()%uint32(n) != 0
	})
}

// all tries every seed, workers at a time, and reports each as it ends.
func (t tester) all(ctx context.Context, seeds []seed, workers int, report func(seed, attempt)) map[verdict]int {
	type ended struct {
		seed    seed
		attempt attempt
	}
	var wg sync.WaitGroup
	next, done := make(chan seed), make(chan ended)
	for range max(1, workers) {
		wg.Go(func() {
			for s := range next {
				done <- ended{s, t.try(ctx, s)}
			}
		})
	}
	go func() {
		for _, s := range seeds {
			next <- s
		}
		close(next)
		wg.Wait()
		close(done)
	}()
	count := make(map[verdict]int)
	for e := range done {
		count[e.attempt.verdict]++
		report(e.seed, e.attempt)
	}
	return count
}

// sound fails when the tests fail without any fault: then they prove nothing.
func (t tester) sound(ctx context.Context, seeds []seed) error {
	var packages []string
	for _, s := range seeds {
		packages = append(packages, s.packages...)
	}
	slices.Sort(packages)
	found, err := t.test(ctx, slices.Compact(packages), 5*t.timeout)
	if err != nil {
		return err
	}
	if found.failed || found.unbuilt {
		return fmt.Errorf("the tests fail without a fault (%s): mend them first", found.first)
	}
	return nil
}
