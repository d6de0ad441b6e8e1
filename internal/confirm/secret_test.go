package confirm

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

// vault is a state of which all is secret but Open.
type vault struct {
	Open  string
	Token string
}

func (v vault) Split() (vault, []byte, error) {
	if v.Token == "" {
		return v, nil, nil
	}
	b, err := json.Marshal(v.Token)
	v.Token = ""
	return v, b, err
}

func (v vault) Join(secret []byte) (vault, error) {
	err := json.Unmarshal(secret, &v.Token)
	return v, err
}

// A group works in the folder: it gets all of a record but its secrets.
func TestTheSecretsOfARecordAreForItsAccountAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, fs.ModeSetgid|0o770); err != nil {
		t.Fatal(err)
	}
	s := store[vault]{dir: dir}
	ref := workloadtest.Ref("unidesk", "sample")
	r := record[vault]{Spec: workload.Spec{Ref: ref}, Change: workload.Change{ID: "b", Ref: ref}, State: vault{Open: "open", Token: "hunter2"}}
	if err := s.save(ref, r); err != nil {
		t.Fatal(err)
	}
	found := func() (modes map[string]fs.FileMode) {
		modes = map[string]fs.FileMode{}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if info, infoErr := e.Info(); err == nil && infoErr == nil && strings.Contains(string(b), "hunter2") {
				modes[e.Name()] = info.Mode().Perm()
			}
		}
		return modes
	}
	name := ref.String() + secretSuffix
	if got := found(); len(got) != 1 || got[name] != 0o600 {
		t.Errorf("the secret is in %v", got)
	}
	if info, err := os.Stat(s.path(ref, pendingSuffix)); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the record is %v, %v", info, err)
	}
	if got, _, err := s.load(ref); err != nil || got == nil || got.State != (vault{"open", "hunter2"}) {
		t.Errorf("%+v, %v", got, err)
	}
	// What an account without the secrets writes leaves them as they are.
	r.State.Token, r.Failed = "", "no"
	if err := s.save(ref, r); err != nil {
		t.Fatal(err)
	}
	if got, _, err := s.load(ref); err != nil || got == nil || got.State.Token != "hunter2" || got.Failed != "no" {
		t.Errorf("%+v, %v", got, err)
	}
	// A change does not get the secrets of another change.
	r.Change.ID = "c"
	if err := s.save(ref, r); err != nil {
		t.Fatal(err)
	}
	if got, _, err := s.load(ref); err != nil || got == nil || got.State.Token != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := s.settle(ref, outcome(r.Change, workload.Keep, nil)); err != nil {
		t.Fatal(err)
	}
	if got := found(); len(got) > 0 {
		t.Errorf("a settled change leaves its secret in %v", got)
	}
	// A file that is spoilt is not quoted.
	r.Change.ID = "d"
	if err := s.save(ref, r); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path(ref, secretSuffix), []byte(`{"changeId":"d","state":"hunter2`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.load(ref); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

// A change is reverted under its own workload's lock, by its own record: a record that was
// given another workload's name is neither seen nor obeyed.
func TestARecordUnderAnotherWorkloadsNameIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := store[struct{}]{dir: dir}
	ref, other := workloadtest.Ref("unidesk", "sample"), workloadtest.Ref("unidesk", "other")
	r := record[struct{}]{Spec: workload.Spec{Ref: ref}, Change: workload.Change{ID: "a", Ref: ref}}
	if err := s.save(ref, r); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.path(ref, pendingSuffix), s.path(other, pendingSuffix)); err != nil {
		t.Fatal(err)
	}
	if found, err := s.unsettled(); fault.ReasonOf(err) != fault.PathRefused || len(found) != 0 {
		t.Errorf("unsettled: %v, %+v", err, found)
	}
	if r, _, err := s.load(other); fault.ReasonOf(err) != fault.PathRefused || r != nil {
		t.Errorf("load: %v, %+v", err, r)
	}
}
