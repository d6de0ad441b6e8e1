package plain_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

func TestNear(t *testing.T) {
	t.Parallel()
	names := strings.Fields("backend-core baidu-netdisk code-queue code-queue-mgr frontend logs list history verify doctor")
	for word, want := range map[string]string{
		"fronted": "frontend", "bakend-core": "backend-core", "bakcend-core": "backend-core", "Frontend": "frontend", "FRONTEND": "frontend",
		"netdisk": "baidu-netdisk", "code": "code-queue code-queue-mgr", "codequeue": "code-queue", "code-queue-manager": "code-queue-mgr",
		"histroy": "history", "verfy": "verify", "log": "logs", "lgos": "logs", "lits": "list", "lst": "list",
		"ls": "", "l": "", "": "", "s": "", "status": "", "xyz": "", "no-such-service": "", "ä": "", "doctr": "doctor", "drctr": "",
	} {
		if got := strings.Join(plain.Near(word, names), " "); got != want {
			t.Errorf("%q: near are %q, want %q", word, got, want)
		}
	}
	for word, c := range map[string]struct{ names, want string }{
		"l":                      {"ls lx", ""},                            // each is a letter away from each
		"servoces":               {"servant service services", "services"}, // the nearest only
		strings.Repeat("x", 200): {strings.Repeat("x", 200), ""},
	} {
		if got := strings.Join(plain.Near(word, strings.Fields(c.names)), " "); got != c.want {
			t.Errorf("%q of %q: near are %q, want %q", word, c.names, got, c.want)
		}
	}
}
