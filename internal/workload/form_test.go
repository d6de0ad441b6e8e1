package workload_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/hostile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// grammar is what the values of a form look like. It is written apart from what the
// form itself goes by.
type grammar struct {
	first, more string
	most        int
	yes, no     []string
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// never are refused by each form.
var never = []string{" ", "a b", " a", "a ", "a\n", "\na", "a\x00", "\x1b[2J", "'a'", `"a"`, "a;b", "$(id)", "`id`", "${A}", "a\\b", "ä", "а", "a*", "~"}

func grammars() map[workload.Form]grammar {
	word := grammar{
		lower + upper + digits, lower + upper + digits + "._-", 128,
		[]string{"web", "Web", "0", "a.b", "a..b", "a_b", "a-", long(128)},
		[]string{"", "-a", "--flag", ".a", "..", "_a", "a/b", "/a", "../a", "a:b", "a@b", "a=b", long(129)},
	}
	return map[workload.Form]grammar{
		workload.ProjectName: {
			lower + digits, lower + digits + "_-", 63,
			[]string{"unidesk", "0", "a-b", "a_b", "a-", long(63)},
			[]string{"", "-a", "_a", "A", "aB", "a.b", "a/b", "..", long(64)},
		},
		workload.ServiceName:   word,
		workload.ContainerName: word,
		workload.HostName:      word,
		workload.KubernetesName: {
			lower + digits, lower + digits + "-", 63,
			[]string{"a", "unidesk", "a-b", "0", "a--b", long(63)},
			[]string{"", "-a", "a-", "A", "a_b", "a.b", "a/b", "..", long(64)},
		},
		workload.DataKey: {
			lower + upper + digits + "_", lower + upper + digits + "._-", 253,
			[]string{"password", "tls.crt", "A", "_a", "0", "a..b", "a-", long(253)},
			[]string{"", ".", "..", ".a", "-a", "--flag", "a/b", "../a", "a:b", "a=b", long(254)},
		},
		workload.VariableKey: {
			upper, upper + digits + "_", 128,
			[]string{"A", "SECRET", "A_1", "A_", strings.Repeat("A", 128)},
			[]string{"", "a", "Aa", "_A", "1A", "A-B", "A.B", "A=B", "-A", "A/B", strings.Repeat("A", 129)},
		},
		workload.KeyPrefix: {
			upper, upper + digits + "_", 112,
			[]string{"UNIDESK_SAMPLE_DEPLOY_", "A_DEPLOY_", "A1__DEPLOY_", strings.Repeat("A", 104) + "_DEPLOY_"},
			[]string{"", "A", "_DEPLOY_", "DEPLOY_", "A_DEPLOY", "A_DEPLOY_B", "a_DEPLOY_", "A_deploy_", "-A_DEPLOY_", "A-_DEPLOY_", strings.Repeat("A", 105) + "_DEPLOY_"},
		},
		workload.FlagPath: {
			lower + upper + digits + "_", lower + upper + digits + "_.", 8*64 + 7,
			[]string{"ok", "auth.loggedIn", "_a._b", "0.1", "a.b.c.d.e.f.g.h", long(64) + "." + long(64)},
			[]string{"", ".", "..", ".a", "a.", "a..b", "-a", "a-b", "a/b", "a[0]", "a.b.c.d.e.f.g.h.i", long(65), "a." + long(65)},
		},
		workload.HealthPath: {
			"/", lower + upper + digits + "._~/-", 256,
			[]string{"/", "/health", "/api/v1/health.json", "/~a", "/-a", "/a/", "/...", "/a..b", "/" + long(255)},
			[]string{"", "health", "..", "/..", "/a/..", "/../a", "/a/../b", "/a?b", "/a#b", "/a%2e", "/a:b", "//a@b", "http://a", "-/a", "/" + long(256)},
		},
		workload.StampValue: {
			lower + upper + digits + "._:/@+-", lower + upper + digits + "._:/@+-", 256,
			[]string{"", "0123", "baidu-netdisk:0123", "sha256:0123", "https://example.invalid/a.git", "git@example.invalid:a/b", "2026-11-26T06:30:05.123+00:00", "-a", long(256)},
			[]string{"a=b", "a#b", "a,b", "a%b", "(a)", "<a>", "a?b", "a!", "a|b", "a&b", "{a}", "a$b", long(257)},
		},
	}
}

// fits reports whether s is of letters of the grammar.
func (g grammar) fits(s string) bool {
	return s == "" || len(s) <= g.most && strings.Contains(g.first, s[:1]) && strings.Trim(s, g.more) == ""
}

func TestAFormAcceptsItsNamesAndNoOthers(t *testing.T) {
	t.Parallel()
	for form, g := range grammars() {
		for _, s := range g.yes {
			if !form.Match(s) {
				t.Errorf("%.80q is no %s", s, form)
			}
			if !g.fits(s) {
				t.Errorf("%.80q does not fit the test's own grammar of a %s", s, form)
			}
		}
		for _, s := range append(g.no, never...) {
			if form.Match(s) {
				t.Errorf("%.80q is a %s", s, form)
			}
		}
	}
}

// Of what would steer a shell, a path or a terminal, a form accepts what is of its
// letters and steers nothing.
func TestNoFormAcceptsWhatIsHostile(t *testing.T) {
	t.Parallel()
	for form, g := range grammars() {
		accepted := 0
		for _, s := range hostile.Values() {
			if !form.Match(s) {
				continue
			}
			accepted++
			up := strings.Contains("/"+s+"/", "/../") || strings.HasPrefix(s, "-")
			if !g.fits(s) || s == "" && form != workload.StampValue || up && form != workload.StampValue {
				t.Errorf("%.80q is a %s", s, form)
			}
		}
		t.Logf("%s: %d", form, accepted)
	}
}

func TestAFormSaysWhatItIs(t *testing.T) {
	t.Parallel()
	all := grammars()
	for f := workload.ProjectName; f <= workload.StampValue; f++ {
		if _, ok := all[f]; !ok {
			t.Errorf("%d (%s) is not tested", f, f)
		}
		if f.String() == "" || !strings.HasPrefix(f.Want(), "use ") && !strings.HasPrefix(f.Want(), "begin ") {
			t.Errorf("%d: %q, %q", f, f, f.Want())
		}
		if most := fmt.Sprintf("at most %d", all[f].most); f != workload.FlagPath && !strings.Contains(f.Want(), most) {
			t.Errorf("%s: %q lacks %q", f, f.Want(), most)
		}
	}
	for _, f := range []workload.Form{-1, workload.StampValue + 1} {
		if f.Match("a") {
			t.Errorf("%d is a form", f)
		}
	}
}

// Every key that a deploy writes under an accepted prefix can be written.
func TestAKeyUnderAPrefixIsAVariable(t *testing.T) {
	t.Parallel()
	for _, prefix := range grammars()[workload.KeyPrefix].yes {
		for _, k := range workload.Keys() {
			if key := prefix + k; !workload.VariableKey.Match(key) {
				t.Errorf("%s is no variable (%d letters)", key, len(key))
			}
		}
	}
}
