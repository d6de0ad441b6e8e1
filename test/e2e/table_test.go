//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// median is the sample in the middle by time.
func median(samples []sample) sample {
	sorted := slices.SortedFunc(slices.Values(samples), func(a, b sample) int { return cmp.Compare(a.took, b.took) })
	return sorted[len(sorted)/2]
}

func spread(samples []sample) string {
	shorter := func(a, b sample) int { return cmp.Compare(a.took, b.took) }
	return fmt.Sprintf("%.1f/%.1f", slices.MinFunc(samples, shorter).took.Seconds(), slices.MaxFunc(samples, shorter).took.Seconds())
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func mb(n int64) string { return fmt.Sprintf("%.2f MB", float64(n)/1e6) }

// load is the machine's, which shows what the times are worth.
func load() string {
	b, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(b), " ")
	return first
}
