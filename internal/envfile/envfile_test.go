package envfile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestMain(m *testing.M) {
	if name, ok := os.LookupEnv("ENVFILE_TEST_WRITE"); ok {
		tryToWrite(name)
	}
	if text, ok := os.LookupEnv("ENVFILE_TEST_PARSE"); ok {
		_, err := envfile.Parse("test.env", []byte(text))
		fmt.Fprintln(os.Stdout, err)
		os.Exit(0)
	}
	if name := os.Getenv("ENVFILE_TEST_CHURN"); name != "" {
		churn(name)
	}
	goleak.VerifyTestMain(m)
}

func TestAFileThatComposeCannotReadIsRefusedByLineNumberAlone(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text, want string
	}{
		"quotation marks":      {"A=1\n# x\nSECRET=\"hunter2\nB=2\n", "line 3: a quotation mark is not closed"},
		"a name with a dollar": {"A=1\nhun$ter2=3\n", "line 2: a name holds a character that it cannot hold"},
		"a value alone":        {"A=1\r\nhunter2!\r\n", "line 2: a name holds a character that it cannot hold"},
		"a name with a space":  {"hunter2 x=1\n", "line 1: a name holds a space"},
		"a broken reference":   {"A=1\nSECRET=\"${hunter2-\"\n", "line 2: a value refers to a variable in a way that cannot be followed"},
		"one without a name":   {"A=1\n=${NOT_THERE?hunter2}\n", "line 2: a value refers to a variable in a way that cannot be followed"},
		"a required one":       {"\n\nSECRET=${NOT_THERE:?hunter2}\n", "line 3: a value refers to a variable in a way that cannot be followed"},
		"after several lines":  {"A='1\n2\n3'\nSECRET=hunter2 x\n=", "line 5: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := envfile.Parse("some.env", []byte(tt.text))
			if name == "after several lines" && err == nil {
				return // an empty name is odd, and Compose reads it
			}
			if fault.ReasonOf(err) != fault.EnvFileInvalid || !strings.Contains(err.Error(), "env file some.env: "+tt.want) {
				t.Fatalf("%v", err)
			}
			if all := err.Error() + fault.HintOf(err); strings.Contains(all, "hunter2") {
				t.Errorf("it quotes the file: %s", all)
			}
		})
	}
}

// The library logs the name of an unset variable, which is part of this password.
func TestReadingWritesNothingAnywhere(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"PASSWORD=ab$hunter2\n", "A=${hunter2}$B\n", "A=${hunter2:-x}\n", "A=${hunter2:?x}\n", "A=\"$hunter2", "A=${B-${hunter2}}\n"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "ENVFILE_TEST_PARSE="+text)
		out, err := cmd.CombinedOutput()
		if err != nil || bytes.Contains(out, []byte("hunter2")) {
			t.Errorf("%q: %s (%v)", text, out, err)
		}
	}
}

func TestWhatIsToldOfTheFile(t *testing.T) {
	t.Parallel()
	c := parse(t, "ID=abcd\nKEY='hunter2 päss'\nEMPTY=\nBARE\nUNIDESK_X_DEPLOY_COMMIT=0123\nUNIDESK_X_DEPLOY_IMAGE=x:0123\nREF=${ID}-x\nID=abcde\n")
	want := []workload.Secret{{Name: "ID", Present: true, Length: 5}, {Name: "KEY", Present: true, Length: 13}, {Name: "EMPTY"}, {Name: "BARE"}, {Name: "NOT"}}
	if d := cmp.Diff(want, c.Presence([]string{"ID", "KEY", "EMPTY", "BARE", "NOT"})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]string{"COMMIT": "0123", "IMAGE": "x:0123"}, c.Deploy("UNIDESK_X_DEPLOY_")); d != "" {
		t.Error(d)
	}
	values := c.Values()
	slices.Sort(values)
	if d := cmp.Diff([]string{"abcd-x", "abcde", "hunter2 päss"}, values); d != "" {
		t.Error(d)
	}
	j, err := json.Marshal(map[string]any{"c": c, "p": &c})
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", slog.Any("c", c))
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c, c), fmt.Sprint(&c), string(j), logged.String()} {
		if strings.Contains(shown, "hunter2") || strings.Contains(shown, "abcd") || !strings.Contains(shown, envfile.Redacted) {
			t.Errorf("shown: %s", shown)
		}
	}
}

func write(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "controlled.env")
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
	return name
}

func set(key, value string) func(envfile.Content) (envfile.Content, error) {
	return func(c envfile.Content) (envfile.Content, error) {
		after, _, err := envfile.Edit(c, map[string]string{key: value})
		return after, err
	}
}

func TestTheNewFileHasModeAndOwnerOfTheOld(t *testing.T) {
	t.Parallel()
	for _, mode := range []os.FileMode{0o600, 0o640, 0o644, 0o660} {
		name := write(t, "A=1\n", mode)
		if os.Getuid() == 0 {
			if err := os.Chown(name, 12345, 23456); err != nil {
				t.Fatal(err)
			}
		}
		if err := envfile.Update(t.Context(), name, set("K", "v")); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf("mode %v, was %v", info.Mode().Perm(), mode)
		}
		if st, ok := info.Sys().(*syscall.Stat_t); os.Getuid() == 0 && ok && (st.Uid != 12345 || st.Gid != 23456) {
			t.Errorf("owner %d:%d", st.Uid, st.Gid)
		}
		entries, err := os.ReadDir(filepath.Dir(name))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if d := cmp.Diff([]string{".controlled.env.unidesk.lock", "controlled.env"}, names); d != "" {
			t.Error(d)
		}
	}
}

func TestALinkStaysALink(t *testing.T) {
	t.Parallel()
	name := write(t, "A=1\n", 0o600)
	link := filepath.Join(t.TempDir(), "link.env")
	if err := os.Symlink(name, link); err != nil {
		t.Fatal(err)
	}
	if err := envfile.Update(t.Context(), link, set("K", "v")); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != name {
		t.Errorf("%s, %v", to, err)
	}
	if b, err := os.ReadFile(name); err != nil || string(b) != "A=1\nK=v\n" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestWhatIsNoRegularFileIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	huge := write(t, strings.Repeat("# x\n", 300_000), 0o600)
	for _, name := range []string{dir, fifo, huge, filepath.Join(dir, "not there")} {
		err := envfile.Update(t.Context(), name, set("K", "v"))
		if fault.ReasonOf(err) != fault.EnvFileInvalid {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := envfile.Load(name); fault.ReasonOf(err) != fault.EnvFileInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAChangeThatChangesNothingWritesNothing(t *testing.T) {
	t.Parallel()
	name := write(t, "K=v\n", 0o600)
	before, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := envfile.Update(t.Context(), name, set("K", "v")); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) || before.ModTime() != after.ModTime() {
		t.Error("it was written")
	}
}

func TestAnErrorOfTheChangeLeavesTheFile(t *testing.T) {
	t.Parallel()
	name := write(t, "A=1\n", 0o600)
	sentinel := errors.New("no")
	err := envfile.Update(t.Context(), name, func(c envfile.Content) (envfile.Content, error) { return c, sentinel })
	if !errors.Is(err, sentinel) {
		t.Error(err)
	}
	if b, err := os.ReadFile(name); err != nil || string(b) != "A=1\n" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestAnEditorThatKnowsNoLockIsNotOverwritten(t *testing.T) {
	t.Parallel()
	name := write(t, "A=1\n", 0o600)
	err := envfile.Update(t.Context(), name, func(c envfile.Content) (envfile.Content, error) {
		if err := os.WriteFile(name, []byte("A=somebody's\n"), 0o600); err != nil {
			t.Error(err)
		}
		return set("K", "v")(c)
	})
	if fault.ReasonOf(err) != fault.Busy || !fault.Retryable(err) {
		t.Error(err)
	}
	if b, err := os.ReadFile(name); err != nil || string(b) != "A=somebody's\n" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestServicesThatShareTheFileLoseNothing(t *testing.T) {
	t.Parallel()
	name := write(t, "SECRET=hunter2\n", 0o600)
	const services, rounds = 8, 10
	var all sync.WaitGroup
	for s := range services {
		all.Go(func() {
			for r := range rounds {
				if err := envfile.Update(t.Context(), name, set(fmt.Sprintf("S%d_DEPLOY_COMMIT", s), fmt.Sprint(r))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	c, err := envfile.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	for s := range services {
		if v, _ := c.Lookup(fmt.Sprintf("S%d_DEPLOY_COMMIT", s)); v != fmt.Sprint(rounds-1) {
			t.Errorf("service %d: %q", s, v)
		}
	}
	if v, _ := c.Lookup("SECRET"); v != "hunter2" {
		t.Errorf("secret: %q", v)
	}
}
