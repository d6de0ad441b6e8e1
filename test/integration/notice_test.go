//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// Each deploy sends its notice. A program that fails changes neither an outcome nor an exit
// code, and the receipt's page has why.
func TestANoticeOfEachDeployIsSent(t *testing.T) {
	const service = "todo-note"
	file := filepath.Join(t.TempDir(), "notices")
	undo := drive.EditFile(t, filepath.Join(world.Controller.Config, "controller.yaml"), func(s string) string {
		return s + "notify: {command: [/bin/sh, -c, 'cat >>" + file + "; echo hook is down; exit 7']}\n"
	})
	defer undo()
	good := world.Release(t, service, lab.Change{})
	first := world.DeployNow(t, service, good, "-m", "the reason", "--link", "https://ci.example/1")
	first.Want(t, contract.DecidedSucceeded, "", 0)
	if !strings.Contains(first.Stderr, "exit status 7: hook is down") {
		t.Errorf("stderr: %s", first.Stderr)
	}
	world.DeployNow(t, service, good).Want(t, contract.DecidedUnchanged, "", 0)
	second := world.DeployNow(t, service, world.Release(t, service, lab.Change{Behaviour: "never-healthy"}))
	second.Want(t, contract.DecidedReverted, fault.NotProven, 1)

	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got []notify.Notice
	for line := range strings.Lines(string(content)) {
		var n notify.Notice
		if err := json.Unmarshal([]byte(line), &n); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		got = append(got, n)
	}
	if len(got) != 2 {
		t.Fatalf("%d notices:\n%s", len(got), content)
	}
	if n := got[0]; n.Event != notify.Succeeded || n.Commit.String() != good || n.Message != "the reason" || n.Link != "https://ci.example/1" || n.Receipt != first.Result.Receipt.ID {
		t.Errorf("%+v", n)
	}
	if n := got[1]; n.Event != notify.Reverted || n.Reason != fault.NotProven || n.DownSeconds == 0 || n.Receipt != second.Result.Receipt.ID {
		t.Errorf("%+v", n)
	}
	shown := world.Run(t, "history", "show", second.Result.Receipt.ID, "-o", "text")
	if !strings.Contains(string(shown.Stdout), "not sent: /bin/sh: exit status 7: hook is down") {
		t.Errorf("history show:\n%s", shown.Stdout)
	}
}
