//go:build integration

package notify_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
)

// The examples of the page send what the chats take.
func TestTheExamplesOfThePageSend(t *testing.T) {
	page, err := os.ReadFile("../../docs/notifications.md")
	if err != nil {
		t.Fatal(err)
	}
	_, examples, _ := strings.Cut(string(page), "## Examples")
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		bodies = append(bodies, r.Header.Get("Content-Type")+" "+strings.Join(strings.Fields(string(must(io.ReadAll(r.Body)))), ""))
	}))
	defer server.Close()
	hook := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(hook, []byte(server.URL+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(examples, "```yaml\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		var c struct{ Notify notify.Config }
		if err := yaml.Unmarshal([]byte(strings.ReplaceAll(text, "/etc/unidesk/hook", hook)), &c); err != nil {
			t.Fatal(err)
		}
		if err := c.Notify.Validate(); err != nil {
			t.Error(err)
		}
		if all := c.Notify.Send(t.Context(), notify.Notice{Text: "well"}); len(all) != 1 || all[0].Error != "" {
			t.Errorf("example %d: %+v", i+1, all)
		}
	}
	want := []string{"application/x-www-form-urlencoded well", `application/json {"text":"well"}`, `application/json {"msg_type":"text","content":{"text":"well"}}`}
	if strings.Join(bodies, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q, want %q", bodies, want)
	}
}
