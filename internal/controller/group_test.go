package controller

import (
	"strings"
	"testing"
)

func TestAWordThatIsNoCommandIsAnError(t *testing.T) {
	t.Parallel()
	for _, words := range [][]string{{"artifact-registry", "healt"}, {"host", "lst"}, {"deploy", "aply"}, {"catalog", "chek", "x"}} {
		var out, complaints strings.Builder
		code := Run(t.Context(), words, Streams{Out: &out, Err: &complaints}, "test", nil)
		if code != ExitUsage || out.Len() > 0 || !strings.Contains(complaints.String(), words[1]) {
			t.Errorf("%s: exit %d, %s%s", words, code, out.String(), complaints.String())
		}
	}
	for _, group := range []string{"artifact-registry", "host", "deploy", "catalog"} {
		var out strings.Builder
		if code := Run(t.Context(), []string{group}, Streams{Out: &out, Err: &out}, "test", nil); code != ExitOK || !strings.Contains(out.String(), "Available Commands") {
			t.Errorf("%s: exit %d, %s", group, code, out.String())
		}
	}
}
