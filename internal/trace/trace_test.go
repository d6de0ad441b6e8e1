package trace_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/trace"
)

// lines collects what a trace writes.
type lines struct {
	sync.Mutex
	all []string
}

func (l *lines) write(line string) {
	l.Lock()
	defer l.Unlock()
	l.all = append(l.all, line)
}

func TestAnActIsWrittenWithItsEnd(t *testing.T) {
	t.Parallel()
	var l lines
	ctx := trace.Into(t.Context(), l.write)
	first := trace.Program(ctx, "ssh", "-o", "Batch Mode", "D601")
	second := trace.Act(ctx, "call Describe\x1b[31m\nof D601")
	second(errors.New("no\nanswer"))
	first(nil)
	for i, want := range []string{
		`1: ssh -o 'Batch Mode' D601`,
		`2: call Describe.*of D601`,
		`2: failed after [0-9.a-zµ]+: no\?answer`,
		`1: ok after [0-9.a-zµ]+`,
	} {
		if i >= len(l.all) || !regexp.MustCompile("^"+want+"$").MatchString(l.all[i]) || strings.Contains(l.all[i], "\x1b") {
			t.Errorf("line %d of %q is not %s", i, l.all, want)
		}
	}
}

func TestWithoutATraceNothingIsWritten(t *testing.T) {
	t.Parallel()
	trace.Program(t.Context(), "ssh")(nil)
	trace.Act(t.Context(), "a call")(errors.New("failed"))
}

func TestAContextOfALibraryCarriesTheTrace(t *testing.T) {
	t.Parallel()
	var l lines
	ctx := trace.Into(t.Context(), l.write)
	theirs := context.Background() // a library's, which ends with nothing of ours
	trace.Act(theirs, "lost")
	trace.Act(trace.Carry(theirs, ctx), "carried")
	trace.Act(trace.Carry(theirs, t.Context()), "of no trace")
	if len(l.all) != 1 || l.all[0] != "1: carried" {
		t.Errorf("written: %q", l.all)
	}
}

func TestActsSideBySideHaveNumbersOfTheirOwn(t *testing.T) {
	t.Parallel()
	var l lines
	ctx := trace.Into(t.Context(), l.write)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { trace.Act(ctx, "act")(nil) })
	}
	all.Wait()
	seen := map[string]int{}
	for _, line := range l.all {
		number, _, _ := strings.Cut(line, ":")
		seen[number]++
	}
	for number, n := range seen {
		if n != 2 {
			t.Errorf("number %s is on %d lines, not on 2", number, n)
		}
	}
	if len(seen) != 50 {
		t.Errorf("%d numbers of 50 acts", len(seen))
	}
}
