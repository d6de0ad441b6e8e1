package overview

import (
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
)

func TestADriftIsANotice(t *testing.T) {
	t.Parallel()
	commit := must(artifact.ParseCommit("abcdefabcdefabcdefabcdefabcdefabcdefabcd"))
	l := Live{Service: "frontend", Env: artifact.Prod, State: Drifted, Seen: "frontend runs nothing", Proven: &Receipt{Commit: commit}}
	n := l.Notice(time.Unix(1e9, 0))
	if n.Event != notify.Drifted || n.Service.String() != "frontend" || n.Env != artifact.Prod || n.Commit != commit ||
		n.Text != "frontend in prod: abcdefabcdef was proven, and is down or replaced: frontend runs nothing" {
		t.Errorf("%+v", n)
	}
}
