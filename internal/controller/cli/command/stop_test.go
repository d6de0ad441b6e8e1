package command

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

// toldToStop runs a command that is told to stop so many times.
func toldToStop(t *testing.T, times int, acting bool, end error) (code int, out, said string) {
	t.Helper()
	stop := make(chan os.Signal, times)
	var stdout, stderr bytes.Buffer
	services, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	c, err := contract.NewContract(services, contract.Request{Service: "frontend", Commit: strings.Repeat("a", 40)})
	if err != nil {
		t.Fatal(err)
	}
	a := &App{Streams: Streams{Out: &stdout, Err: &stderr, Stop: stop}, Format: "json"}
	block := make(chan struct{})
	t.Cleanup(func() { close(block) })
	code = a.Execute(t.Context(), &cobra.Command{
		Use: "story", SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if acting {
				a.Acts(&c)
			}
			for range times {
				stop <- os.Interrupt
			}
			<-cmd.Context().Done()
			if times > 1 {
				<-block // it cannot end
			}
			if end != nil {
				return end
			}
			return ended(present.ExitInterrupted)
		},
	})
	return code, stdout.String(), stderr.String()
}

func TestToStopAQuestionPromisesNothing(t *testing.T) {
	t.Parallel()
	if code, _, said := toldToStop(t, 1, false, nil); code != present.ExitInterrupted || strings.Contains(said, "run again") {
		t.Errorf("exit %d, said %q", code, said)
	}
	if code, out, said := toldToStop(t, 2, false, nil); code != present.ExitInterrupted || out != "" || strings.Contains(said, "recover") {
		t.Errorf("twice: exit %d, %q, said %q", code, out, said)
	}
}

func TestADeployToldTwiceLeavesAResult(t *testing.T) {
	t.Parallel()
	code, out, said := toldToStop(t, 2, true, nil)
	if code != present.ExitInterrupted || !strings.Contains(said, "Reverting to the previous version") {
		t.Errorf("exit %d, said %q", code, said)
	}
	var r contract.Result
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Decision != contract.DecidedInterrupted || r.Failure.Next.String() != "unidesk-controller recover" || r.Contract == nil || r.Contract.Service.String() != "frontend" || r.Contract.Commit.Short() != strings.Repeat("a", 12) {
		t.Errorf("%v: %s", err, out)
	}
}

func TestACommandThatGivesUpWhenToldIsInterrupted(t *testing.T) {
	t.Parallel()
	if code, out, _ := toldToStop(t, 1, false, context.Canceled); code != present.ExitInterrupted || !strings.Contains(out, `"INTERRUPTED"`) {
		t.Errorf("exit %d: %s", code, out)
	}
	if code, out, _ := toldToStop(t, 1, true, context.Canceled); code != present.ExitInterrupted || strings.Contains(out, "nothing was changed") || !strings.Contains(out, "recover") {
		t.Errorf("one that acts: exit %d: %s", code, out)
	}
}
