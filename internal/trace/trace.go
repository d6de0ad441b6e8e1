// Package trace prints what a command does beyond its own process: the programs that it starts
// and the calls that it makes to an agent, with how long each takes and how it ends. A context
// carries the trace; without it nothing is printed.
//
// No secret may be printed. A program's words are printed if this project makes them; of a program
// that the configuration names, the caller passes the first word alone.
package trace

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

type key struct{}

// tracer numbers the acts of a command, since many go on at a time.
type tracer struct {
	acts  atomic.Int64
	write func(line string)
}

// Into returns a context whose acts are written. write is called from several goroutines.
func Into(ctx context.Context, write func(line string)) context.Context {
	return context.WithValue(ctx, key{}, &tracer{write: write})
}

// Carry returns ctx with the trace of another context. A library that makes contexts of its own
// loses it.
func Carry(ctx, from context.Context) context.Context {
	return context.WithValue(ctx, key{}, of(from))
}

func of(ctx context.Context) *tracer {
	t, _ := ctx.Value(key{}).(*tracer)
	return t
}

// Program writes that a program is started with these words, and returns what writes its end.
func Program(ctx context.Context, argv ...string) (ended func(error)) {
	if of(ctx) == nil {
		return func(error) {}
	}
	return Act(ctx, plain.Command(argv...))
}

// Act writes that an act begins, and returns what writes its end. An act that goes on after its
// end was of interest, as ssh does once it is connected, ends at that moment.
func Act(ctx context.Context, what string) (ended func(error)) {
	t := of(ctx)
	if t == nil {
		return func(error) {}
	}
	n, begun := t.acts.Add(1), time.Now()
	t.write(fmt.Sprintf("%d: %s", n, plain.Line(what)))
	return func(err error) {
		took := time.Since(begun).Round(time.Millisecond)
		if err != nil {
			t.write(fmt.Sprintf("%d: failed after %v: %s", n, took, plain.Line(err.Error())))
			return
		}
		t.write(fmt.Sprintf("%d: ok after %v", n, took))
	}
}
