package envfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// To write the new file and bring it to the disk takes a slow disk a second, and a person
// may add a line in that second.
func TestALineThatIsAddedWhileTheFileIsSyncedIsNotLost(t *testing.T) {
	t.Parallel()
	name := write(t, "A=1\n", 0o600)
	slow := func(path string, content []byte, like fs.FileInfo, still func() error) error {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		if _, err := f.WriteString("B=2\n"); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		return statefile.ReplaceAs(path, content, like, still)
	}
	err := envfile.UpdateThrough(t.Context(), name, set("K", "v"), slow)
	if fault.ReasonOf(err) != fault.Busy || !fault.Retryable(err) {
		t.Error(err)
	}
	if b, err := os.ReadFile(name); err != nil || string(b) != "A=1\nB=2\n" {
		t.Errorf("%q, %v", b, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(name), ".*[0-9]")); err != nil || len(left) > 0 {
		t.Errorf("%q is left, %v", left, err)
	}
	if err := envfile.Update(t.Context(), name, set("K", "v")); err != nil {
		t.Error(err)
	}
}

func TestAFileOfAnotherEncodingIsNamedAsSuch(t *testing.T) {
	t.Parallel()
	wide := func(mark string, first bool) []byte {
		b := []byte(mark)
		for _, c := range []byte("SECRET=hunter2\r\n") {
			if first {
				b = append(b, c, 0)
			} else {
				b = append(b, 0, c)
			}
		}
		return b
	}
	for name, b := range map[string][]byte{
		"little end first": wide("\xff\xfe", true), "big end first": wide("\xfe\xff", false), "without a mark": wide("", true),
	} {
		_, err := envfile.Parse("some.env", b)
		if fault.ReasonOf(err) != fault.EnvFileInvalid || !strings.Contains(err.Error(), "is UTF-16") || !strings.Contains(fault.HintOf(err), "UTF-8") {
			t.Errorf("%s: %v, hint %q", name, err, fault.HintOf(err))
		}
	}
	for _, text := range []string{"", "A=1\n", "\ufeffA=1\n", "A=ü\n"} {
		if _, err := envfile.Parse("some.env", []byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}
