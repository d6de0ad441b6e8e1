package engine

import (
	"strings"
	"testing"
)

// Two layers as an engine reports them, the second as an engine with containerd's store does.
func TestAPullIsCountedByItsLayers(t *testing.T) {
	t.Parallel()
	count := pullCount{}
	var seen []Pulled
	_, err := readAnswer(strings.NewReader(`{"status":"Pulling from unidesk/web","id":"sha256:0"}
		{"status":"Pulling fs layer","progressDetail":{},"id":"a"}{"status":"Already exists","progressDetail":{},"id":"c"}
		{"status":"Downloading","progressDetail":{"current":10,"total":40},"id":"a"}
		{"status":"Downloading","progressDetail":{"current":5,"total":20},"id":"b"}
		{"status":"Verifying Checksum","progressDetail":{},"id":"a"}
		{"status":"Download complete","progressDetail":{},"id":"a"}{"status":"Extracting","progressDetail":{"current":30,"total":40},"id":"a"}
		{"status":"Download complete","progressDetail":{"hidecounts":true},"id":"b"}{"status":"Extracting","progressDetail":{"current":3,"units":"s"},"id":"b"}
		{"status":"Pull complete","progressDetail":{},"id":"a"}{"status":"Pull complete","progressDetail":{"hidecounts":true},"id":"b"}
		{"status":"Downloading","progressDetail":{"current":1,"total":20},"id":"b"}{"status":"Digest: sha256:0"}`), func(l line) {
		if count.add(l) {
			seen = append(seen, count.sum())
		}
	})
	want := []Pulled{
		{Fetched: 10, Total: 40},
		{Fetched: 15, Total: 60},
		{Fetched: 45, Total: 60},
		{Fetched: 45, Unpacked: 30, Total: 60},
		{Fetched: 60, Unpacked: 30, Total: 60},
		{Fetched: 60, Unpacked: 40, Total: 60},
		{Fetched: 60, Unpacked: 60, Total: 60},
	}
	if err != nil || len(seen) != len(want) {
		t.Fatalf("%v, %+v", err, seen)
	}
	for i := range want {
		if seen[i] != want[i] {
			t.Errorf("%d: %+v, want %+v", i, seen[i], want[i])
		}
	}
}
