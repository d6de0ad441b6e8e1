package confirm_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm/confirmtest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

// FuzzARecordIsReadOrRefused: whatever the files of a change hold, a look at them is an
// error or a change of a workload that has a name; and it changes neither the files nor
// the host.
func FuzzARecordIsReadOrRefused(f *testing.F) {
	old, err := os.ReadFile("testdata/pending-v1.json")
	if err != nil {
		f.Fatal(err)
	}
	const now = `{"version":2,"spec":{"ref":"fake/sample"},"change":{"id":"b","ref":{"compose":{"project":"fake","service":"sample"}},"image":{"commit":"2222222222222222222222222222222222222222"}},"since":"2026-11-28T16:11:34Z","state":{"container":"x"}}`
	f.Add(old, []byte(`{"changeId":"a","outcome":"kept"}`))
	f.Add(old, []byte(`{"changeId":"b"}`))
	f.Add([]byte(now), []byte("null"))
	f.Add([]byte(now), []byte("{"))
	f.Add(bytes.Replace(old, []byte(`"fake"`), []byte(`"../x"`), 1), []byte{})
	f.Add(bytes.Replace(old, []byte(`"schema": 1`), []byte(`"schema": 1, "version": 3`), 1), []byte{})
	f.Add([]byte(`{"version":2}`), []byte{})
	f.Add([]byte(`{"version":2,"change":null,"state":7}`), []byte("[]"))
	f.Add([]byte("null"), []byte{})
	f.Add([]byte{}, []byte{})
	spec := workloadtest.SampleSpec("fake")
	host := confirmtest.New(spec, nil)
	host.Break = func(s confirmtest.Step) error { f.Errorf("a look takes step %s", s); return nil }
	f.Fuzz(func(t *testing.T, pending, last []byte) {
		dir := t.TempDir()
		files := map[string][]byte{spec.Ref.String() + ".pending.json": pending, spec.Ref.String() + ".last.json": last}
		for name, b := range files {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		target := confirm.New(host, dir)
		judged := func(what string, err error) {
			if r := fault.ReasonOf(err); err != nil && r != fault.Internal && r != fault.CapabilityMissing && r != fault.PathRefused {
				t.Errorf("%s: %s, %v", what, r, err)
			}
		}
		seen, err := target.Observe(t.Context(), spec.Ref, false)
		judged("observe", err)
		if err == nil && seen.Pending != nil && seen.Last != nil && seen.Last.ChangeID == seen.Pending.Change.ID {
			t.Errorf("change %q is settled and is not", seen.Last.ChangeID)
		}
		all, err := target.Unsettled()
		judged("unsettled", err)
		for _, p := range all {
			if p.Change.Ref.IsZero() || filepath.Base(p.Change.Ref.String()) != p.Change.Ref.String() {
				t.Errorf("a change of %q", p.Change.Ref)
			}
		}
		again, err2 := target.Unsettled()
		if diff := cmp.Diff(len(all), len(again)); diff != "" || (err == nil) != (err2 == nil) {
			t.Errorf("a second look sees something else: %v, %v", err, err2)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != len(files) {
			t.Errorf("the folder has %v (%v)", left, err)
		}
		for name, b := range files {
			if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, b) {
				t.Errorf("%s is %q (%v)", name, got, err)
			}
		}
	})
}
