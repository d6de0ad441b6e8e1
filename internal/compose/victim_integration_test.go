//go:build integration

package compose_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/compose"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// order is what a victim is to do before it kills itself.
type order struct {
	Config compose.Config
	State  string
	Change workload.Change
	// Revert: revert the change instead of making it.
	Revert bool
	At     workload.Point
	After  time.Duration
}

// victim is a process that makes a change and dies of kill -9 on the way.
func victim(file string) int {
	die := func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) }
	var o order
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &o)
	}
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return 1
	}
	client, err := newClient(o.Config.DockerHost)
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return 1
	}
	r, err := compose.New(o.Config, client, noStager{})
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return 1
	}
	target := confirm.New(r, o.State)
	emit := func(e workload.Event) {
		if e.Point == o.At && o.After == 0 {
			die()
		} else if e.Point == o.At {
			time.AfterFunc(o.After, die)
		}
	}
	if o.Revert {
		err = target.Settle(context.Background(), o.Change.Ref, workload.Settlement{ChangeID: o.Change.ID, Outcome: workload.Revert}, emit)
	} else {
		err = target.Switch(context.Background(), o.Change, emit)
	}
	fmt.Fprintln(os.Stdout, "survived:", err)
	return 1
}

type noStager struct{}

func (noStager) Stage(context.Context, artifact.Pinned, string, func(workload.Event)) error {
	return nil
}

// kill runs a victim and wants it dead.
func (w *world) kill(t *testing.T, o order) {
	t.Helper()
	o.Config, o.State = w.config, filepath.Join(w.root, ".state", "changes")
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "order.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "COMPOSE_TEST_VICTIM="+file)
	// A file and not a pipe: what it leaves running would keep a pipe open.
	out, err := os.Create(file + ".out")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		said, _ := os.ReadFile(out.Name())
		t.Fatalf("the victim was not killed: %v: %s", err, said)
	}
}
