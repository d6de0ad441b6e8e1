package registry_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

// install runs an installation on the host, with what was emitted.
func install(ctx context.Context, h *host) (registry.Installed, []registry.Progress, error) {
	var seen []registry.Progress
	done, err := registry.Install(ctx, h, h.settings, registry.Render(h.settings).Hashes(), func(p registry.Progress) { seen = append(seen, p) })
	return done, seen, err
}

func hosts() map[string]func() *host {
	return map[string]func() *host{
		"a bare host":                bare,
		"one with older files":       older,
		"one that is disabled":       func() *host { h := older(); h.Enabled = false; return h },
		"one that was stopped":       func() *host { h := older(); h.Active, h.Runs = "inactive", ""; return h },
		"one that only has to start": func() *host { h := installed(); h.Active, h.Runs = "inactive", ""; return h },
		"one whose storage is gone":  func() *host { h := installed(); h.folders = h.folders[:1]; return h },
		"one with the unit before its sandbox": func() *host {
			h := installed()
			h.Files[unitPath], h.Loaded = unitBeforeSandbox, unitBeforeSandbox
			return h
		},
		"one with only a unit older": func() *host { h := installed(); h.Files[unitPath] += "#\n"; h.Loaded = h.Files[unitPath]; return h },
	}
}

func TestInstallMakesTheHostAsDeclaredAndASecondTimeChangesNothing(t *testing.T) {
	t.Parallel()
	for name, make := range hosts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := make()
			done, _, err := install(t.Context(), h)
			if err != nil {
				t.Fatal(err)
			}
			if report := registry.Judge(h.settings, done.Facts); report.Decision != registry.Healthy {
				t.Errorf("after it the registry is %s: %s", report.Decision, report.Summary)
			}
			if done.Changes == 0 {
				t.Error("it reports that it changed nothing")
			}
			first := h.clone()
			h.acts = nil
			again, seen, err := install(t.Context(), h)
			if err != nil || again.Changes != 0 {
				t.Errorf("the second time: %d changes, %v", again.Changes, err)
			}
			if diff := cmp.Diff(first, h.state); diff != "" {
				t.Errorf("the second time changed the host:\n%s", diff)
			}
			if diff := cmp.Diff([]string{"enable " + registry.Unit}, h.changing()); diff != "" {
				t.Errorf("the second time acts:\n%s", diff)
			}
			for _, p := range seen {
				if p.Changed || p.Kept != "" {
					t.Errorf("the second time reports %+v", p)
				}
			}
		})
	}
}

// Of a file that was tried and put back, the container may still be the trial's.
func TestAContainerThatIsOlderThanAFileIsMadeAnew(t *testing.T) {
	t.Parallel()
	h := installed()
	h.facts = func(f *registry.Facts) { changed(f, time.Second) }
	if _, _, err := install(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(h.changing(), "restart "+registry.Unit) {
		t.Errorf("it did %q", h.changing())
	}
}

// A unit that was edited back and not read again still runs as it was edited.
func TestAUnitThatSystemdHasNotReadIsReadAndRestarted(t *testing.T) {
	t.Parallel()
	h := installed()
	h.Loaded += "# edited\n"
	if _, _, err := install(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"reload", "enable " + registry.Unit, "restart " + registry.Unit}, h.changing()); diff != "" {
		t.Error(diff)
	}
}

// If exactly what was there cannot be had, a registry that serves is nearer to it than
// none.
func TestWhatTheOldFilesRanRunsAgain(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*host){
		"the unit was active and its container gone":         func(h *host) { h.Runs = "" },
		"the unit was inactive and its container ran (106)":  func(h *host) { h.Active = "inactive" },
		"the unit was active and its container of old files": func(*host) {},
	} {
		h := older()
		change(h)
		files := h.clone().Files
		h.failAt, h.failAfter = "restart "+registry.Unit, true
		if _, _, err := install(t.Context(), h); err == nil {
			t.Errorf("%s: it worked", name)
		}
		if diff := cmp.Diff(files, h.Files); diff != "" || h.Active != "active" || h.Runs != files[h.settings.PathOf(registry.ConfigFile)] {
			t.Errorf("%s: unit %s, container of %q\n%s", name, h.Active, h.Runs, diff)
		}
	}
}

// What the dry run lists is what is done, in that order.
func TestTheStepsThatAreListedAreTheStepsThatAreRun(t *testing.T) {
	t.Parallel()
	h := bare()
	_, seen, err := install(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	var listed, run []string
	for _, p := range registry.Steps(h.settings) {
		listed = append(listed, string(p.Step)+" "+p.Target)
	}
	for _, p := range seen {
		run = append(run, string(p.Step)+" "+p.Target)
	}
	if diff := cmp.Diff(listed, run); diff != "" {
		t.Errorf("(-listed +run):\n%s", diff)
	}
	want := []string{
		"write " + h.settings.Directory + "/config.yml", "write " + h.settings.Directory + "/compose.yml", "write " + registry.Unit,
		"reload", "enable " + registry.Unit, "restart " + registry.Unit,
	}
	if diff := cmp.Diff(want, h.changing()); diff != "" {
		t.Errorf("acts (-want +got):\n%s", diff)
	}
}

func TestWhatIsReplacedIsKept(t *testing.T) {
	t.Parallel()
	h := older()
	before := h.clone()
	_, seen, err := install(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for _, p := range seen {
		if p.Kept == "" {
			continue
		}
		kept++
		if h.Files[p.Kept] != before.Files[p.Target] || !strings.HasPrefix(p.Kept, p.Target+".kept-") {
			t.Errorf("%s of %s holds %q", p.Kept, p.Target, h.Files[p.Kept])
		}
	}
	if kept != 3 {
		t.Errorf("%d copies, want 3", kept)
	}
}

// The heart: whatever fails, whether or not it took place, the host is as it was.
func TestWhereverItFailsTheHostIsAsItWas(t *testing.T) {
	t.Parallel()
	for name, make := range hosts() {
		good := make()
		if _, _, err := install(t.Context(), good); err != nil {
			t.Fatal(err)
		}
		for _, at := range good.acts {
			for _, after := range []bool{false, true} {
				for _, gone := range []bool{false, true} {
					h := make()
					h.failAt, h.failAfter = at, after
					ctx, cancel := context.WithCancel(t.Context())
					if gone {
						h.cancel = cancel
					}
					before := h.clone()
					_, seen, err := install(ctx, h)
					cancel()
					if err == nil {
						t.Errorf("%s, %s: it worked", name, at)
						continue
					}
					if diff := cmp.Diff(before, h.state); diff != "" {
						t.Errorf("%s, %s fails (took place: %v, caller gone: %v): %v (-before +after):\n%s", name, at, after, gone, err, diff)
					}
					told := strings.Contains(err.Error(), "put back") || strings.Contains(err.Error(), "nothing was changed")
					if !told || strings.Contains(err.Error(), "failed too") {
						t.Errorf("%s, %s: the error does not describe the host: %v", name, at, err)
					}
					restored := slices.ContainsFunc(seen, func(p registry.Progress) bool { return p.Step == registry.StepRestore })
					if restored != strings.Contains(err.Error(), "is put back") {
						t.Errorf("%s, %s: restored is %v, and the error %v", name, at, restored, err)
					}
				}
			}
		}
	}
}

func TestARegistryThatNeverAnswersIsTakenBack(t *testing.T) {
	t.Parallel()
	for name, make := range hosts() {
		synctest.Test(t, func(t *testing.T) {
			h := make()
			before := h.clone()
			h.silent = true
			begun := time.Now()
			_, _, err := install(t.Context(), h)
			if fault.ReasonOf(err) != fault.RegistryUnavailable || !fault.Retryable(err) || !strings.Contains(err.Error(), "api-answers-200 is no answer") {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(begun); took < 29*time.Second || took > 31*time.Second {
				t.Errorf("%s: it waited %s", name, took)
			}
			if diff := cmp.Diff(before, h.state); diff != "" {
				t.Errorf("%s (-before +after):\n%s", name, diff)
			}
		})
	}
}

func TestARegistryThatIsSlowIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := bare()
		ready := time.Now().Add(10 * time.Second)
		h.facts = func(f *registry.Facts) {
			if time.Now().Before(ready) {
				f.API = registry.APIFacts{Error: "connection refused"}
			}
		}
		if _, _, err := install(t.Context(), h); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatCannotBePutBackIsTold(t *testing.T) {
	t.Parallel()
	t.Run("a file", func(t *testing.T) {
		t.Parallel()
		h := bare()
		h.failAt = "restart " + registry.Unit
		stuck := &stuckHost{host: h}
		_, err := registry.Install(t.Context(), stuck, h.settings, registry.Render(h.settings).Hashes(), func(registry.Progress) {})
		if err == nil || !strings.Contains(err.Error(), "failed too") || !strings.Contains(err.Error(), "remove "+unitPath) || fault.Retryable(err) {
			t.Errorf("got %v", err)
		}
		if _, there := h.Files[h.settings.PathOf(registry.ConfigFile)]; there {
			t.Error("what could be put back was not")
		}
	})
	t.Run("a container of somebody's hand", func(t *testing.T) {
		t.Parallel()
		h := bare()
		h.Runs = "by hand"
		h.failAt, h.failAfter = "restart "+registry.Unit, true
		_, _, err := install(t.Context(), h)
		if err == nil || !strings.Contains(err.Error(), "container c1: it ran and was not the unit's") {
			t.Errorf("got %v", err)
		}
	})
}

// stuckHost cannot remove the unit's file.
type stuckHost struct{ *host }

func (h *stuckHost) RemoveFile(ctx context.Context, p string) error {
	if p == unitPath {
		return fault.New(fault.Internal, "%s is stuck", p)
	}
	return h.host.RemoveFile(ctx, p)
}

func TestAHostThatIsRefusedIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		facts  func(*registry.Facts)
		reason fault.Reason
		want   string
	}{
		"no engine":          {func(f *registry.Facts) { f.Engine, f.Unread = nil, []string{"dial: no such file"} }, fault.EngineUnavailable, "no such file"},
		"no systemd":         {func(f *registry.Facts) { f.Unit = nil }, fault.UnitFailed, "systemd"},
		"a masked unit":      {func(f *registry.Facts) { f.Unit.Load = "masked" }, fault.UnitFailed, "masked"},
		"masked for now":     {func(f *registry.Facts) { f.Unit.File = "masked-runtime" }, fault.UnitFailed, "masked"},
		"a link for a file":  {func(f *registry.Facts) { setState(f, registry.ComposeFile, registry.Other) }, fault.PathRefused, "compose.yml"},
		"a file unreadable":  {func(f *registry.Facts) { setState(f, registry.UnitFile, registry.Unreadable) }, fault.PathRefused, "could not be read"},
		"another's listener": {func(f *registry.Facts) { f.Listeners = addrs("127.0.0.1:5000") }, fault.PortInUse, "127.0.0.1:5000"},
		"one beside it":      {func(f *registry.Facts) { f.Listeners = addrs("[::1]:5000") }, fault.PortInUse, "[::1]:5000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := bare()
			h.facts = tt.facts
			_, seen, err := install(t.Context(), h)
			if fault.ReasonOf(err) != tt.reason || !strings.Contains(err.Error(), tt.want) || fault.HintOf(err) == "" && tt.want != "could not be read" {
				t.Errorf("got %v (%s), want %s about %q", err, fault.ReasonOf(err), tt.reason, tt.want)
			}
			if len(h.acts) > 0 || len(seen) > 0 {
				t.Errorf("acts %v, reported %v", h.acts, seen)
			}
		})
	}
	t.Run("other hashes", func(t *testing.T) {
		t.Parallel()
		h := bare()
		hashes := registry.Render(h.settings).Hashes()
		delete(hashes, registry.UnitFile)
		_, err := registry.Install(t.Context(), h, h.settings, hashes, func(registry.Progress) {})
		if fault.ReasonOf(err) != fault.RenderMismatch || len(h.acts) > 0 {
			t.Errorf("got %v after %v", err, h.acts)
		}
	})
	t.Run("settings that do not hold", func(t *testing.T) {
		t.Parallel()
		h := bare()
		h.settings.Directory = "../etc"
		if _, _, err := install(t.Context(), h); fault.ReasonOf(err) != fault.ConfigInvalid || len(h.acts) > 0 {
			t.Errorf("got %v after %v", err, h.acts)
		}
	})
}

func setState(f *registry.Facts, name registry.FileName, s registry.FileState) {
	file := f.Files[name]
	file.State = s
	f.Files[name] = file
}

func addrs(list ...string) (out []netip.AddrPort) {
	for _, a := range list {
		out = append(out, netip.MustParseAddrPort(a))
	}
	return out
}
