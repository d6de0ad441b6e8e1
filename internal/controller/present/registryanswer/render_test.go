package registryanswer

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
)

// What is in a file of the registry stays as it is: nothing in it is made ready to type.
func TestTheWordsOfARenderedFileStay(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"text", "json"} {
		var out strings.Builder
		fitted := terminal.Fitted(&out, func(s string) string { return strings.ReplaceAll(s, "old", "new") })
		if err := Render(Rendering{Files: []File{{Content: "old"}}}).Print(fitted, form); err != nil || !strings.Contains(out.String(), "old") {
			t.Errorf("%v, %s", err, out.String())
		}
	}
}
