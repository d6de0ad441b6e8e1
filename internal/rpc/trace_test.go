package rpc

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/trace"
)

func TestCallsAreTracedWithTheirHost(t *testing.T) {
	t.Parallel()
	images := newImages(100)
	a := serveImages(t, images)
	var mu sync.Mutex
	var lines []string
	ctx := trace.Into(t.Context(), func(line string) {
		mu.Lock()
		defer mu.Unlock()
		_, what, _ := strings.Cut(line, ": ")
		what, _, _ = strings.Cut(what, " after ")
		lines = append(lines, what)
	})
	dialled := func(ctx context.Context) (net.Conn, error) {
		defer trace.Act(ctx, "dial")(nil)
		return a.connect(ctx)
	}
	c, err := Dial(ctx, dialled, Options{Host: "D601", Version: "1.1"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Describe(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Stream(ctx, repo(), all(images.image), nil, func(layers.Piece) error { return nil }); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	want := []string{
		"dial", "ok",
		"call Describe of the agent on D601", "ok",
		"call Stream of the agent on D601", "ok",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("traced:\n%s\nwant:\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}
