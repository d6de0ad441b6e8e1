package doctor

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
)

func TestARemoteMattersAsMuchAsItsPolicy(t *testing.T) {
	t.Parallel()
	const url = "https://example.com/wiki"
	down := errors.New("down")
	optional, required := catalog.Row{Source: url, Provenance: provenance.Optional}, catalog.Row{Source: url + ".git", Provenance: provenance.Required}
	for name, c := range map[string]struct {
		rows []catalog.Row
		err  error
		want Level
	}{
		"it answers":                         {[]catalog.Row{optional, required}, nil, LevelOK},
		"it does not, and nobody wants it":   {[]catalog.Row{optional}, down, LevelWarning},
		"it does not, and it is required":    {[]catalog.Row{optional, required}, down, LevelFault},
		"it answers, and nobody is built so": {[]catalog.Row{{Source: url + "-fork"}}, nil, LevelWarning},
		"it answers, without a catalog":      {nil, nil, LevelOK},
	} {
		f := judgeSource(url, c.rows, 3, c.err)
		if f.Level != c.want || f.OK != (c.want == LevelOK) || (f.Fix == "") != f.OK || !strings.Contains(f.Check, url) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestDoctorAsksTheRemotesThatAreConfigured(t *testing.T) {
	t.Parallel()
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	list := examineSources(t.Context(), site.Config{Sources: map[string]string{"https://example.com/wiki": nowhere}}, nil)
	if len(list) != 1 || list[0].Level != LevelWarning || !strings.Contains(list[0].What, "does not answer") {
		t.Errorf("%+v", list)
	}
	if list := examineSources(t.Context(), site.Config{}, nil); len(list) != 0 {
		t.Errorf("none is configured: %+v", list)
	}
}

// Each remote hangs up only when the other was asked, too.
func TestDoctorAsksTheRemotesAtTheSameTime(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("SKIPPED, there is no git: apt-get install git")
	}
	sources := map[string]string{}
	var both sync.WaitGroup
	both.Add(2)
	for _, name := range []string{"wiki", "desk"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			conn, err := l.Accept()
			both.Done()
			both.Wait()
			_ = l.Close()
			if err == nil {
				_ = conn.Close()
			}
		}()
		sources["https://example.com/"+name] = "https://" + l.Addr().String() + "/"
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Minute, errors.New("nobody hung up"))
	defer cancel()
	list := examineSources(ctx, site.Config{Sources: sources}, nil)
	if len(list) != 2 || list[0].Check != "source https://example.com/desk" || list[1].Check != "source https://example.com/wiki" {
		t.Fatalf("%+v", list)
	}
	for _, f := range list {
		if f.Level != LevelWarning || !strings.Contains(f.What, "does not answer: git ls-remote") || !strings.Contains(f.Fix, "as root: `apt-get install git`") {
			t.Errorf("%+v", f)
		}
	}
}
