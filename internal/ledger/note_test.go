package ledger_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/hostile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

func TestAMessageIsALine(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"":                        "",
		"  fix the login  ":       "fix the login",
		strings.Repeat("é", 256):  strings.Repeat("é", 256),
		"修正":                      "修正",
		"a \"quoted\" 'word' <&>": "a \"quoted\" 'word' <&>",
	} {
		if got, err := ledger.ParseMessage(s); err != nil || got != want {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	}
	for _, s := range append(hostile.Values(), strings.Repeat("é", 257), "a\nb", "a\tb", "\x1b[2J", "\u202e", "\xff") {
		got, err := ledger.ParseMessage(s)
		if err != nil && fault.ReasonOf(err) != fault.Usage || plain.Line(got) != got || len([]rune(got)) > 256 {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	}
	for _, s := range []string{strings.Repeat("é", 257), "a\nb", "a\tb", "\x1b[2J", "\u202e", "\xff"} {
		if _, err := ledger.ParseMessage(s); err == nil {
			t.Errorf("%q is a message", s)
		}
	}
}

func TestALinkHasAHostAndNoCredentials(t *testing.T) {
	t.Parallel()
	for s, ok := range map[string]bool{
		"https://github.com/pikasTech/unidesk/actions/runs/1": true,
		"http://ci.example:8080/job/1/":                       true,
		"https://ci.example/?build=1#log":                     true,
		"":                                                    false,
		"ci.example/1":                                        false,
		"ftp://ci.example/1":                                  false,
		"javascript:alert(1)":                                 false,
		"https:///1":                                          false,
		"https://hunter2@ci.example/1":                        false,
		"https://user:hunter2@ci.example/1":                   false,
		"https://ci.example/a b":                              false,
		"https://ci.example/\x1b[2J":                          false,
		"https://ci.example/`id`":                             false,
		"https://ci.example/" + strings.Repeat("a", 2000):     false,
	} {
		got, err := ledger.ParseLink(s)
		if (err == nil) != ok || ok && got != s || err != nil && strings.Contains(err.Error()+fault.HintOf(err), "hunter2") {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	}
}

func TestTheLinkOfACIJobIsItsOwn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  map[string]string
		want string
	}{
		"none":    {nil, ""},
		"GitHub":  {map[string]string{"GITHUB_SERVER_URL": "https://github.com/", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "7"}, "https://github.com/a/b/actions/runs/7"},
		"a part":  {map[string]string{"GITHUB_SERVER_URL": "https://github.com", "GITHUB_RUN_ID": "7"}, ""},
		"GitLab":  {map[string]string{"CI_JOB_URL": "https://gitlab.example/a/-/jobs/7"}, "https://gitlab.example/a/-/jobs/7"},
		"Jenkins": {map[string]string{"BUILD_URL": "http://jenkins.example/job/a/7/"}, "http://jenkins.example/job/a/7/"},
		"no link": {map[string]string{"CI_JOB_URL": "https://token@gitlab.example/", "BUILD_URL": "http://jenkins.example/"}, "http://jenkins.example/"},
	} {
		if got := ledger.JobLink(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestTheLastLinesFitAReceipt(t *testing.T) {
	t.Parallel()
	many := make([]string, 1000)
	for i := range many {
		many[i] = strings.Repeat("x", 99)
	}
	size := func(lines []string) int { return len(strings.Join(lines, "\n")) + 1 }
	if got := ledger.LastLogs(many); len(got) != 80 || size(got) > ledger.MostLogs {
		t.Errorf("%d lines of %d bytes", len(got), size(got))
	}
	long := "a" + strings.Repeat("é", ledger.MostLogs)
	if got := ledger.LastLogs([]string{"before", long}); len(got) != 1 || size(got) > ledger.MostLogs || size(got) < ledger.MostLogs-2 || !strings.HasSuffix(long, got[0]) {
		t.Errorf("%d lines of %d bytes", len(got), size(got))
	}
	if got := ledger.LastLogs([]string{"a\x1b[2Jb", "c\nd"}); len(got) != 2 || got[0] != "a?[2Jb" || got[1] != "c?d" {
		t.Errorf("%q", got)
	}
	if got := ledger.LastLogs(nil); len(got) != 0 {
		t.Errorf("%q", got)
	}
}
