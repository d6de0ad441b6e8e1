package scrub_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/scrub"
)

func BenchmarkScrub(b *testing.B) {
	var values []string
	for i := range 40 {
		values = append(values, fmt.Sprintf("value-%d-%x", i, rand.Uint64()))
	}
	var text strings.Builder
	for i := range 700 {
		fmt.Fprintf(&text, "time=2026-11-26T02:56:38.050Z level=INFO msg=\"a request\\n\" path=/a%%2fb status=%d trace=%x\n", i, rand.Uint64())
	}
	s := scrub.New(values)
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		_ = s.String(text.String())
	}
}
