package envfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestAKeyThatBeginsLikeOursStays(t *testing.T) {
	t.Parallel()
	const before = "K_COMMIT=old\nK_COMMITTER=somebody\nMY_K_COMMIT=other\n"
	after, undo, err := envfile.Edit(parse(t, before), map[string]string{"K_COMMIT": "new"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := content(t, after), "K_COMMIT=new\nK_COMMITTER=somebody\nMY_K_COMMIT=other\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	back, err := undo.Revert(after)
	if err != nil || content(t, back) != before {
		t.Errorf("reverted: %q, %v", content(t, back), err)
	}
}

// Whatever an edit does, its result is compared with what was there.
func TestAnEditThatTouchesAnotherKeyIsRefused(t *testing.T) {
	t.Parallel()
	ours := map[string]string{"K": "new"}
	for name, c := range map[string]struct {
		before, after string
		ok            bool
	}{
		"only ours":                  {"A=1\nK=old\n", "A=1\nK=new\n", true},
		"ours is new":                {"A=1\n", "A=1\nK=new\n", true},
		"a value that refers to it":  {"K=old\nA=x$K\n", "K=new\nA=x$K\n", true},
		"another value":              {"A=1\nK=old\n", "A=2\nK=new\n", false},
		"another key is gone":        {"A=1\nK=old\n", "K=new\n", false},
		"another key is new":         {"K=old\n", "A=1\nK=new\n", false},
		"ours has its old value":     {"A=1\nK=old\n", "A=1\nK=old\n", false},
		"ours is gone":               {"A=1\nK=old\n", "A=1\n", false},
		"another value became empty": {"A=1\nK=old\n", "A=\nK=new\n", false},
	} {
		err := envfile.Check(parse(t, c.before), parse(t, c.after), ours)
		if (err == nil) != c.ok || err != nil && fault.ReasonOf(err) != fault.EnvFileInvalid {
			t.Errorf("%s: %v, want ok %v", name, err, c.ok)
		}
	}
}

func TestTheLockIsOnlyForTheOwner(t *testing.T) {
	t.Parallel()
	name := write(t, "A=1\n", 0o644)
	if err := envfile.Update(t.Context(), name, set("K", "v")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(filepath.Dir(name), ".controlled.env.unidesk.lock"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v, want 0600", info, err)
	}
}
