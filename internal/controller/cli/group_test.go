package cli

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

// What the catalog does not bring live is refused as a deploy of it is.
func TestAServiceThatCannotBeLookedAtIsRefusedAsItsDeployIs(t *testing.T) {
	t.Parallel()
	for _, words := range [][]string{
		{"logs", "--service", "k3sctl-adapter"}, {"logs", "--service", "code-queue"}, {"rollback", "--service", "code-queue"},
	} {
		var out, complaints strings.Builder
		code := Run(t.Context(), append(words, "--config", t.TempDir(), "-o", "json"), Streams{Out: &out, Err: &complaints}, "test", nil)
		if code != present.ExitBlocked || !strings.Contains(out.String(), `"decision": "unsupported"`) {
			t.Errorf("%s: exit %d, %s%s", words, code, out.String(), complaints.String())
		}
	}
}

func TestAWordThatIsNoCommandIsAnError(t *testing.T) {
	t.Parallel()
	for _, words := range [][]string{{"artifact-registry", "healt"}, {"host", "lst"}, {"deploy", "aply"}, {"catalog", "chek", "x"}} {
		var out, complaints strings.Builder
		code := Run(t.Context(), words, Streams{Out: &out, Err: &complaints}, "test", nil)
		if code != present.ExitUsage || out.Len() > 0 || !strings.Contains(complaints.String(), words[1]) {
			t.Errorf("%s: exit %d, %s%s", words, code, out.String(), complaints.String())
		}
	}
	for _, group := range []string{"artifact-registry", "host", "deploy", "catalog"} {
		var out strings.Builder
		if code := Run(t.Context(), []string{group}, Streams{Out: &out, Err: &out}, "test", nil); code != present.ExitOK || !strings.Contains(out.String(), "Available Commands") {
			t.Errorf("%s: exit %d, %s", group, code, out.String())
		}
	}
}
