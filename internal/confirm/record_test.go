package confirm_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm/confirmtest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// oldChange puts a pending change that version 1 of this program wrote in the state
// folder of a host on which it is half done.
func oldChange(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	old, err := os.ReadFile("testdata/pending-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.target().Switch(t.Context(), w.change(t, 1, "b"), ignore); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, w.spec.Ref.String()+".pending.json"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestAChangeThatVersion1BeganIsTakenBack(t *testing.T) {
	t.Parallel()
	w := oldChange(t)
	all, err := w.target().Unsettled()
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	c := all[0].Change
	if c.ID != "b" || c.Ref != w.spec.Ref || c.Image.Commit.String() != strings.Repeat("2", 40) || c.Image.Config.IsZero() || c.Image.Manifest.IsZero() ||
		c.Basis == "" || c.Basis != all[0].Before.Basis || c.Stamps["DEPLOYED_AT"] != "b" || !c.FlagsBefore["auth.loggedIn"] ||
		!c.Deadline.Equal(time.Date(2026, 11, 28, 17, 0, 0, 0, time.UTC)) || c.Holder != "somebody" {
		t.Errorf("%+v", c)
	}
	if err := w.target().Settle(t.Context(), w.spec.Ref, workload.Settlement{ChangeID: "b", Outcome: workload.Revert}, ignore); err != nil {
		t.Fatal(err)
	}
	w.want(t, 0)
	if d := w.observe(t).Stamped["DEPLOYED_AT"]; d != "live" {
		t.Errorf("the env file is of %q", d)
	}
}

func TestAChangeThatVersion1BeganIsGoneOnWith(t *testing.T) {
	t.Parallel()
	w := oldChange(t)
	all, err := w.target().Unsettled()
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	c := all[0].Change
	c.Deadline = c.Deadline.Add(time.Hour)
	if err := w.target().Switch(t.Context(), c, ignore); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(w.dir, w.spec.Ref.String()+".pending.json"))
	if err != nil {
		t.Fatal(err)
	}
	var now struct {
		Version int
		Spec    workload.Spec
	}
	if err := json.Unmarshal(b, &now); err != nil || now.Version != 2 || now.Spec.Compose == nil || now.Spec.Compose.Image != w.spec.Compose.Image ||
		now.Spec.KeyPrefix != w.spec.KeyPrefix || now.Spec.Probe.Port != w.spec.Probe.Port || len(now.Spec.Secrets) != 2 {
		t.Errorf("%v: %s", err, b)
	}
	if err := w.keep(t, "b"); err != nil {
		t.Fatal(err)
	}
	w.want(t, 1)
}

// A later version may mean something else by the same words.
func TestAChangeOfAVersionToComeIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.change(t, 1, "b")
	if err := w.target().Switch(t.Context(), c, ignore); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(w.dir, w.spec.Ref.String()+".pending.json")
	now, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(now, &fields); err != nil {
		t.Fatal(err)
	}
	fields["version"] = 3
	later, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, later, 0o600); err != nil {
		t.Fatal(err)
	}
	w.host.Break = func(s confirmtest.Step) error { t.Errorf("it does %s", s); return nil }
	if err := w.target().Switch(t.Context(), c, ignore); fault.ReasonOf(err) != fault.CapabilityMissing {
		t.Errorf("switch: %v", err)
	}
	revert := workload.Settlement{ChangeID: "b", Outcome: workload.Revert}
	if err := w.target().Settle(t.Context(), w.spec.Ref, revert, ignore); fault.ReasonOf(err) != fault.CapabilityMissing {
		t.Errorf("revert: %v", err)
	}
}

func TestALeaseLastsFromTheLastRenewal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := w.target()
	held := func() time.Time {
		t.Helper()
		seen, err := target.Observe(t.Context(), w.spec.Ref, false)
		if err != nil || seen.Pending == nil {
			t.Fatalf("%+v, %v", seen.Pending, err)
		}
		return seen.Pending.HeldUntil
	}
	if err := target.Switch(t.Context(), w.change(t, 1, "b"), ignore); err != nil {
		t.Fatal(err)
	}
	if !held().IsZero() {
		t.Error("a host without leases speaks of one")
	}
	target.Lease = time.Hour
	first := held()
	if !first.After(time.Now()) {
		t.Errorf("the switch renewed nothing: %v", first)
	}
	if err := target.Renew(t.Context(), w.spec.Ref, "b"); err != nil {
		t.Fatal(err)
	}
	if !held().After(first) {
		t.Error("it was renewed and lasts no longer")
	}
	// While a switch is under way its stream is the renewal.
	var during time.Time
	w.host.Break = func(confirmtest.Step) error {
		during = held()
		return nil
	}
	last := held()
	if err := target.Switch(t.Context(), w.change(t, 1, "b"), ignore); err != nil {
		t.Fatal(err)
	}
	w.host.Break = nil
	if !during.After(last) {
		t.Error("an open switch does not renew")
	}
	// The next process has heard of no run, and gives the run a whole lease.
	next := confirm.New(w.host, w.dir)
	next.Lease = time.Hour
	seen, err := next.Observe(t.Context(), w.spec.Ref, false)
	if err != nil || seen.Pending == nil || !seen.Pending.HeldUntil.After(first) {
		t.Errorf("%+v, %v", seen.Pending, err)
	}
	if err := target.Renew(t.Context(), w.spec.Ref, "another"); fault.ReasonOf(err) != fault.ChangeNotFound {
		t.Error(err)
	}
}
