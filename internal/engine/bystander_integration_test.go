//go:build integration

package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/bystander"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

// TestARealEnginesBystanders: what Docker does to a container is reported as what it is.
func TestARealEnginesBystanders(t *testing.T) {
	c, docker := realEngine(t)
	img, file := runnable(t)
	if _, err := c.Load(t.Context(), engine.NewArchive(img, "x:1", file), time.Minute); err != nil {
		t.Fatal(err)
	}
	run := func(name string, more ...string) {
		docker(append(append([]string{"run", "-d", "--network=none", "--name", name}, more...), "x:1", "stay")...)
	}
	// The engine may have other containers.
	look := func() (s bystander.Snapshot) {
		t.Helper()
		all, err := c.AllContainers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range all {
			if strings.HasPrefix(b.Name, "by-") {
				s.Containers = append(s.Containers, b)
			}
		}
		s.At = time.Now()
		return s
	}
	names := []string{"by-calm", "by-gone", "by-new", "by-restarted", "by-stopped", "by-target"}
	for _, name := range names {
		run(name, "--label=com.docker.compose.project=p", "--label=com.docker.compose.service="+strings.TrimPrefix(name, "by-"))
	}
	run("by-job", "--rm")
	before := look()
	docker("restart", "-t", "0", "by-restarted", "by-target")
	docker("rm", "-f", "by-gone", "by-new", "by-job")
	docker("stop", "-t", "0", "by-stopped")
	run("by-new", "--label=com.docker.compose.project=p", "--label=com.docker.compose.service=new")
	after := look()
	docker("rm", "-f", "by-calm", "by-new", "by-restarted", "by-stopped", "by-target")
	docker("rmi", "x:1")

	var got []string
	for _, d := range bystander.Disturbed(before, after, workloadtest.Ref("p", "target"), nil) {
		t.Log(d.Detail)
		got = append(got, d.Name+" "+string(d.Kind))
	}
	if want := "by-gone removed, by-new recreated, by-restarted restarted, by-stopped stopped"; strings.Join(got, ", ") != want {
		t.Errorf("%q, want %q", got, want)
	}
}
