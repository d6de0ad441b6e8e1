package plain

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes in decimal units: "1.2 MB".
func Size(bytes int64) string {
	switch {
	case bytes >= 1e9:
		return fmt.Sprintf("%.2f GB", float64(bytes)/1e9)
	case bytes >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
	case bytes >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	}
	return fmt.Sprintf("%d B", bytes)
}

// ParseSize reads a number of bytes in decimal units, as [Size] writes it, blank or not:
// "5MB", "1.5 GB", "300 kB", "4096". It must be at least 1 B and less than 1 EB.
func ParseSize(s string) (int64, error) {
	number := strings.TrimRight(s, "kKMGTB")
	unit, ok := map[string]float64{"": 1, "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[s[len(number):]]
	n, err := strconv.ParseFloat(strings.TrimSuffix(number, " "), 64)
	if bytes := n * unit; ok && err == nil && bytes >= 1 && bytes < 1e18 && !strings.ContainsAny(number, "xXpPeE_+-iI") {
		return int64(bytes), nil
	}
	return 0, fmt.Errorf("%q is not a number of bytes such as 5MB", s)
}

// Age is the time from then to now in its largest unit, "-" when then is zero.
func Age(now, then time.Time) string {
	if then.IsZero() {
		return "-"
	}
	switch d := now.Sub(then); {
	case d < time.Minute: // or made by a clock that is ahead
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	default:
		return fmt.Sprintf("%d d", d/(24*time.Hour))
	}
}

// Ago is [Age] as a point in time: "8 min ago", "now", "-" when then is zero.
func Ago(now, then time.Time) string {
	age := Age(now, then)
	if age == "-" || age == "now" {
		return age
	}
	return age + " ago"
}

// Stamp is a time in a sentence: "2026-07-01 12:00:00Z". JSON and `-o wide` have RFC 3339.
func Stamp(at time.Time) string { return at.UTC().Format(time.DateTime + "Z") }

// Clock is a time of today in a sentence: "12:00:00Z".
func Clock(at time.Time) string { return at.UTC().Format(time.TimeOnly + "Z") }

// Count is a number of things with their noun: "1 layer", "2 layers".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
