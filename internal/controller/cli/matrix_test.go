package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// An obstacle has the exit code that the table of package deploy gives.
func TestTheExitCodesOfObstacles(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("../../deploy/testdata/obstacles.txt")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(strings.ReplaceAll(line, " - ", " - - "))
		if f[0] == "#" {
			continue
		}
		rows++
		for i := 2; i+1 < len(f); i += 2 {
			var r contract.Result
			r.Fail(contract.Decision(f[i]), "", fault.New(fault.Reason(f[1]), "no"))
			if code := strconv.Itoa(present.Deployed(r).Exit); f[i] != "-" && code != f[i+1] {
				t.Errorf("%s: %s ends with exit code %s, want %s", f[0], f[i], code, f[i+1])
			}
		}
	}
	if rows < 20 {
		t.Errorf("%d obstacles, want 20", rows)
	}
}

// The matrix again, through the command line: every dry run, and each run that its
// gate stops. There is no configuration here at all, so whatever would
// contact a host ends for want of it.
func TestTheMatrixByTheCommandLine(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("../../deploy/testdata/matrix.txt")
	if err != nil {
		t.Fatal(err)
	}
	commit := strings.Repeat("a", 40)
	cells := 0
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if f[0] == "#" {
			continue
		}
		for i, flag := range []string{"--dry-run", "", "--run-now"} {
			cells++
			args := []string{"--config", t.TempDir(), "-o", "json", "artifact-registry", "deploy-service", "--service", f[0], "--commit", commit}
			if f[1] != "none" {
				args = append(args, "--env", f[1])
			}
			if flag != "" {
				args = append(args, flag)
			}
			decision, exit, reason := contract.Decision(f[3+3*i]), f[4+3*i], fault.Reason(strings.TrimPrefix(f[5+3*i], "-"))
			gate := strings.TrimPrefix(f[2], "-")
			if code := strconv.Itoa(present.Deployed(contract.Result{Decision: decision}).Exit); code != exit { // of those, too, that do not get so far here
				t.Errorf("%s %s %s: %s ends with exit code %s, want %s", f[0], f[1], flag, decision, code, exit)
			}
			looks := flag == "" && gate != string(contract.GateUnsupported)
			if looks || decision == contract.DecidedSucceeded {
				decision, exit, reason, gate = contract.DecidedRefused, "1", fault.ConfigInvalid, ""
			}
			var out, stderr bytes.Buffer
			code := cli.Run(t.Context(), args, cli.Streams{Out: &out, Err: &stderr}, "test", nil)
			var r contract.Result
			if err := json.Unmarshal(out.Bytes(), &r); err != nil {
				t.Fatalf("%v: %v: %s", args, err, out.String())
			}
			got := fault.Reason("")
			if r.Failure != nil {
				got = r.Failure.Reason
			}
			shown := ""
			if r.Contract != nil {
				shown = string(r.Contract.Gate.Code)
			}
			if r.Decision != decision || strconv.Itoa(code) != exit || got != reason || shown != gate {
				t.Errorf("%s %s %s: %s %d %s at gate %q, want %s %s %s at %q", f[0], f[1], flag, r.Decision, code, got, shown, decision, exit, reason, gate)
			}
			if stderr.Len() > 0 {
				t.Errorf("%v: stderr: %s", args, stderr.String())
			}
		}
	}
	if cells != 15*3*3 {
		t.Errorf("%d cells, want 135", cells)
	}
}
