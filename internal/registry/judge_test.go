package registry_test

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
)

type (
	facts    = registry.Facts
	settings = registry.Settings
)

// verdict is what a row expects of a report.
type verdict struct {
	decision  registry.Decision
	runtime   bool // runtimeApiHealthy
	retryable bool
	failed    []string // checks
	next      string   // what Next contains
	warns     string   // what a warning contains
}

func hash(f *facts, name registry.FileName) {
	file := f.Files[name]
	file.Hash = artifact.DigestOf([]byte("edited"))
	f.Files[name] = file
}

// unitBeforeSandbox is the unit that hosts have from versions before its sandbox.
//
//go:embed testdata/earlier/unidesk-artifact-registry.service
var unitBeforeSandbox string

// changed has a file changed so long after the container was made.
func changed(f *facts, after time.Duration) {
	f.Container.Created = time.Unix(1e9, 0)
	file := f.Files[registry.ConfigFile]
	file.Changed = f.Container.Created.Add(after)
	f.Files[registry.ConfigFile] = file
}

const digest = "sha256:a3d8aaa63ed8681a604f1dea0aa03f100d5895b6a58ace528858a7b332415373"

// Each row is a host that is well but for what the row changes.
func TestJudge(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*settings, *facts)
		want   verdict
	}{
		"all is well": {func(*settings, *facts) {}, verdict{decision: registry.Healthy, runtime: true}},

		"the unit is stopped and the container is not (106)": {
			func(_ *settings, f *facts) { f.Unit.Active = "inactive" },
			verdict{decision: registry.ServiceDegraded, runtime: true, failed: []string{"unit-active"}, next: "systemctl start"},
		},
		"the unit is edited (107)": {
			func(_ *settings, f *facts) { hash(f, registry.UnitFile) },
			verdict{decision: registry.ServiceDegraded, runtime: true, failed: []string{"unit-hash"}, next: "decide"},
		},
		"the unit is an earlier version's, before it had a sandbox": {
			func(_ *settings, f *facts) {
				file := f.Files[registry.UnitFile]
				file.Hash = artifact.DigestOf([]byte(unitBeforeSandbox))
				f.Files[registry.UnitFile] = file
			},
			verdict{decision: registry.Healthy, runtime: true, warns: "unidesk-controller artifact-registry install"},
		},
		"the unit is disabled": {
			func(_ *settings, f *facts) { f.Unit.File = "disabled" },
			verdict{decision: registry.ServiceDegraded, runtime: true, failed: []string{"unit-enabled"}, next: "systemctl enable"},
		},
		"the unit is masked": {
			func(_ *settings, f *facts) {
				f.Unit.Load, f.Unit.File = "masked", "masked"
				setState(f, registry.UnitFile, registry.Other)
			},
			verdict{decision: registry.ServiceDegraded, runtime: true, failed: []string{"unit-exists", "unit-enabled", "unit-hash"}, next: "systemctl unmask"},
		},
		"the unit is masked until the next boot": {
			func(_ *settings, f *facts) { f.Unit.File = "masked-runtime" },
			verdict{decision: registry.ServiceDegraded, runtime: true, failed: []string{"unit-enabled"}, next: "systemctl unmask"},
		},
		"the unit is on its way": {
			func(_ *settings, f *facts) { f.Unit.Active = "activating" },
			verdict{decision: registry.ServiceDegraded, runtime: true, retryable: true, failed: []string{"unit-active"}, next: "systemctl start"},
		},
		"the unit tries again with a file that is not as declared": {
			func(_ *settings, f *facts) {
				f.Unit.Active = "activating"
				f.Files[registry.ComposeFile] = registry.FileFacts{State: registry.Other}
			},
			verdict{decision: registry.ServiceDegraded, runtime: true, failed: []string{"unit-active", "compose-hash"}, next: "systemctl start"},
		},
		"the unit failed": {
			func(_ *settings, f *facts) {
				f.Unit.Active, f.Container, f.Listeners, f.API = "failed", nil, nil, registry.APIFacts{Error: "refused"}
			},
			verdict{
				decision: registry.RuntimeUnavailable,
				failed:   []string{"unit-active", "container-running", "listener-loopback-only", "api-answers-200", "image-expected"}, next: "systemctl restart",
			},
		},
		"the unit's file is gone": {
			func(_ *settings, f *facts) { setState(f, registry.UnitFile, registry.Absent) },
			verdict{decision: registry.ServiceDegraded, runtime: true, failed: []string{"unit-hash"}, next: "decide"},
		},
		"systemd does not answer": {
			func(_ *settings, f *facts) { f.Unit = nil },
			verdict{decision: registry.ServiceDegraded, runtime: true, failed: []string{"unit-exists", "unit-active", "unit-enabled"}, next: "install"},
		},
		"the unit has a drop-in": {
			func(_ *settings, f *facts) { f.Unit.DropIns = []string{"/etc/systemd/system/x.d/override.conf"} },
			verdict{decision: registry.Healthy, runtime: true, warns: "x.d/override.conf"},
		},
		"systemd has not read the unit": {
			func(_ *settings, f *facts) { f.Unit.NeedsReload = true },
			verdict{decision: registry.Healthy, runtime: true, warns: "daemon-reload"},
		},

		"the config is edited": {
			func(_ *settings, f *facts) { hash(f, registry.ConfigFile) },
			verdict{decision: registry.Drifted, runtime: true, failed: []string{"config-hash"}, next: "render"},
		},
		"the Compose file is a link": {
			func(_ *settings, f *facts) { setState(f, registry.ComposeFile, registry.Other) },
			verdict{decision: registry.Drifted, runtime: true, failed: []string{"compose-hash"}, next: "render"},
		},
		"both are gone": {
			func(_ *settings, f *facts) {
				setState(f, registry.ConfigFile, registry.Absent)
				setState(f, registry.ComposeFile, registry.Absent)
			},
			verdict{decision: registry.Drifted, runtime: true, failed: []string{"config-hash", "compose-hash"}, next: "render"},
		},

		"a file was changed after the container was made, and is as declared": {
			func(_ *settings, f *facts) { changed(f, time.Second) },
			verdict{decision: registry.Healthy, runtime: true, warns: "restart the unit"},
		},
		"the files are older than the container": {
			func(_ *settings, f *facts) { changed(f, -time.Second) },
			verdict{decision: registry.Healthy, runtime: true},
		},
		"nobody told when the container was made": {
			func(_ *settings, f *facts) {
				changed(f, time.Second)
				f.Container.Created = time.Time{}
			},
			verdict{decision: registry.Healthy, runtime: true},
		},

		"the container is killed": {
			func(_ *settings, f *facts) {
				f.Container.State, f.Container.Published, f.Listeners, f.API = "exited", nil, nil, registry.APIFacts{Error: "refused"}
			},
			verdict{decision: registry.RuntimeUnavailable, failed: []string{"container-running", "listener-loopback-only", "api-answers-200"}, next: "systemctl restart"},
		},
		"the container is paused": {
			func(_ *settings, f *facts) {
				f.Container.State, f.API = "paused", registry.APIFacts{Error: "time", TimedOut: true}
			},
			verdict{decision: registry.RuntimeUnavailable, failed: []string{"container-running", "api-answers-200"}, next: "systemctl restart"},
		},
		"the container runs and does not answer in time": {
			func(_ *settings, f *facts) { f.API = registry.APIFacts{Error: "time", TimedOut: true} },
			verdict{decision: registry.RuntimeUnavailable, retryable: true, failed: []string{"api-answers-200"}, next: "docker logs"},
		},
		"the container is paused, and something answers": {
			func(_ *settings, f *facts) { f.Container.State = "paused" },
			verdict{decision: registry.RuntimeUnavailable, failed: []string{"container-running"}, next: "systemctl restart"},
		},
		"the container ends again and again, and runs just now": {
			func(_ *settings, f *facts) {
				f.Container.Restarts, f.API = 7, registry.APIFacts{Error: "reset"}
			},
			verdict{decision: registry.RuntimeUnavailable, failed: []string{"container-running", "api-answers-200"}, next: "docker logs"},
		},
		"the container was started again, and serves": {
			func(_ *settings, f *facts) { f.Container.Restarts = 7 },
			verdict{decision: registry.Healthy, runtime: true},
		},
		"the container starts again and again": {
			func(_ *settings, f *facts) {
				f.Container.State, f.API = "restarting", registry.APIFacts{Error: "reset"}
			},
			verdict{decision: registry.RuntimeUnavailable, failed: []string{"container-running", "api-answers-200"}, next: "systemctl restart"},
		},
		"the API says 503": {
			func(_ *settings, f *facts) { f.API.Status = 503 },
			verdict{decision: registry.RuntimeUnavailable, failed: []string{"api-answers-200"}, next: "docker logs"},
		},
		"the container was made by hand": {
			func(_ *settings, f *facts) { f.Container.Project = "" },
			verdict{decision: registry.Healthy, runtime: true, warns: "Compose project"},
		},
		"another image": {
			func(_ *settings, f *facts) { f.Container.Image = "registry:2.8.2" },
			verdict{decision: registry.ServiceDegraded, runtime: true, failed: []string{"image-expected"}, next: "install"},
		},
		"the image by its long name": {
			func(_ *settings, f *facts) { f.Container.Image = "docker.io/library/registry:2.8.3" },
			verdict{decision: registry.Healthy, runtime: true},
		},

		"published on every address": {
			func(_ *settings, f *facts) {
				f.Container.Published = addrs("0.0.0.0:5000", "[::]:5000")
				f.Listeners = addrs("0.0.0.0:5000", "[::]:5000")
			},
			verdict{decision: registry.ServiceDegraded, failed: []string{"listener-loopback-only"}, next: "install"},
		},
		"published on another port for everybody": {
			func(_ *settings, f *facts) { f.Container.Published = addrs("127.0.0.1:5000", "0.0.0.0:5001") },
			verdict{decision: registry.ServiceDegraded, failed: []string{"listener-loopback-only"}, next: "install"},
		},
		"published on both loopbacks": {
			func(_ *settings, f *facts) {
				f.Container.Published = addrs("127.0.0.1:5000", "[::1]:5000")
				f.Listeners = addrs("[::1]:5000", "127.0.0.1:5000")
			},
			verdict{decision: registry.Healthy, runtime: true},
		},
		"published without a listener of its own": {
			func(_ *settings, f *facts) { f.Listeners = nil },
			verdict{decision: registry.Healthy, runtime: true},
		},
		"published on another address of loopback too": {
			func(_ *settings, f *facts) {
				f.Container.Published = addrs("127.0.0.1:5000", "127.0.0.53:5000")
				f.Listeners = addrs("127.0.0.1:5000", "127.0.0.53:5000")
			},
			verdict{decision: registry.ServiceDegraded, failed: []string{"listener-loopback-only"}, next: "install"},
		},
		"published there without a listener": {
			func(_ *settings, f *facts) { f.Container.Published = addrs("127.0.0.1:5000", "127.0.0.53:5000") },
			verdict{decision: registry.ServiceDegraded, failed: []string{"listener-loopback-only"}, next: "install"},
		},
		"the listeners could not be read": {
			func(_ *settings, f *facts) {
				f.Listeners, f.Unseen = nil, []registry.Part{registry.PartListeners}
			},
			verdict{decision: registry.ServiceDegraded, failed: []string{"listener-loopback-only"}, next: "ss -ltnp"},
		},
		"the storage could not be read": {
			func(_ *settings, f *facts) {
				f.Storage, f.Unseen = registry.StorageFacts{}, []registry.Part{registry.PartStorage}
			},
			verdict{decision: registry.ServiceDegraded, runtime: true, failed: []string{"storage-exists"}, next: "ls -ld"},
		},
		"what answers is no registry": {
			func(_ *settings, f *facts) { f.API.Registry = new(bool) },
			verdict{decision: registry.RuntimeUnavailable, failed: []string{"api-answers-200"}, next: "docker logs"},
		},
		"another process has the port": {
			func(_ *settings, f *facts) { f.Container.State, f.Container.Published = "exited", nil },
			verdict{decision: registry.RuntimeUnavailable, failed: []string{"container-running", "listener-loopback-only"}, next: "ss -ltnp"},
		},
		"another process listens beside it": {
			func(_ *settings, f *facts) { f.Listeners = append(f.Listeners, addrs("192.168.0.4:5000")...) },
			verdict{decision: registry.ServiceDegraded, failed: []string{"listener-loopback-only"}, next: "ss -ltnp"},
		},
		"the container serves another port, and something else this one": {
			func(_ *settings, f *facts) { f.Container.Published = addrs("127.0.0.1:5001") },
			verdict{decision: registry.RuntimeUnavailable, failed: []string{"listener-loopback-only"}, next: "ss -ltnp"},
		},

		"the storage is gone": {
			func(_ *settings, f *facts) { f.Storage.Exists = false },
			verdict{decision: registry.ServiceDegraded, runtime: true, failed: []string{"storage-exists"}, next: "find out where it went"},
		},
		"the engine is stopped": {
			func(_ *settings, f *facts) {
				f.Engine, f.Container, f.Listeners, f.API = nil, nil, nil, registry.APIFacts{Error: "refused"}
			},
			verdict{
				decision: registry.RuntimeUnavailable,
				failed:   []string{"engine-usable", "container-running", "listener-loopback-only", "api-answers-200", "image-expected"}, next: "systemctl start docker",
			},
		},
		"the engine does not answer and the API does": {
			func(_ *settings, f *facts) { f.Engine, f.Container = nil, nil },
			verdict{
				decision: registry.ServiceDegraded,
				failed:   []string{"engine-usable", "container-running", "listener-loopback-only", "image-expected"}, next: "systemctl start docker",
			},
		},
		"an engine older than 28 (A-17)": {
			func(_ *settings, f *facts) { f.Engine.Version = "20.10.24+dfsg1" },
			verdict{decision: registry.Healthy, runtime: true, warns: "same network segment"},
		},
		"an engine without the image": {
			func(_ *settings, f *facts) { f.Engine.HasImage = false },
			verdict{decision: registry.Healthy, runtime: true, warns: "pull"},
		},

		"a pin that the image has": {
			func(s *settings, f *facts) {
				s.Image = "registry@" + digest
				f.Container.RepoDigests = []string{"registry@" + digest}
			},
			verdict{decision: registry.Drifted, runtime: true, failed: []string{"compose-hash"}, next: "render"},
		},
		"a pin that the image does not have": {
			func(s *settings, f *facts) {
				s.Image = "registry:2.8.3@" + digest
				f.Container.RepoDigests = []string{"registry@sha256:" + strings.Repeat("0", 64)}
			},
			verdict{decision: registry.ServiceDegraded, runtime: true, failed: []string{"compose-hash", "image-expected"}, next: "install"},
		},
		"a pin by which the container was made": {
			func(s *settings, f *facts) {
				s.Image = "registry@" + digest
				f.Container.Image = s.Image
			},
			verdict{decision: registry.Drifted, runtime: true, failed: []string{"compose-hash"}, next: "render"},
		},
		"a pin of an engine that names images by it": {
			func(s *settings, f *facts) {
				s.Image = "registry@" + digest
				f.Container.ImageID = digest
			},
			verdict{decision: registry.Drifted, runtime: true, failed: []string{"compose-hash"}, next: "render"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := installed()
			f, err := h.Inspect(t.Context(), h.settings)
			if err != nil {
				t.Fatal(err)
			}
			tt.change(&h.settings, &f)
			r := registry.Judge(h.settings, f).Worded(remedy.Text)
			if all := fmt.Sprint(r); strings.Contains(all, "{REGISTRY") {
				t.Errorf("an action has no line: %s", all)
			}
			var failed []string
			for _, c := range r.Checks {
				if !c.OK {
					failed = append(failed, c.Name)
				}
				if c.OK != (c.Fix == "") || c.Got == "" || c.Want == "" {
					t.Errorf("a check reports too little, or too much: %+v", c)
				}
			}
			if diff := cmp.Diff(tt.want.failed, failed); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s", diff)
			}
			if r.Decision != tt.want.decision || r.RuntimeAPIHealthy != tt.want.runtime || r.Retryable != tt.want.retryable || !r.Installed {
				t.Errorf("%s (runtime %v, retryable %v, installed %v), want %+v", r.Decision, r.RuntimeAPIHealthy, r.Retryable, r.Installed, tt.want)
			}
			if tt.want.next == "" != (r.Next == "") || !strings.Contains(r.Next, tt.want.next) {
				t.Errorf("next is %q, want %q", r.Next, tt.want.next)
			}
			if warned := strings.Join(r.Warnings, "\n"); tt.want.warns == "" != (warned == "") || !strings.Contains(warned, tt.want.warns) {
				t.Errorf("warnings are %q, want %q", warned, tt.want.warns)
			}
			if drift := slices.ContainsFunc(failed, func(c string) bool { return strings.HasSuffix(c, "-hash") }); drift != strings.Contains(r.Summary, "decide whether") {
				t.Errorf("the operator must decide: %v, and the summary is %q", drift, r.Summary)
			}
			if !r.Status().OK || r.Health().OK != (r.Decision == registry.Healthy) {
				t.Errorf("status is %v, health %v", r.Status().OK, r.Health().OK)
			}
		})
	}
}

func TestNothingThereIsNotInstalled(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change  func(*facts)
		unknown string // what no part reports
	}{
		"bare": {func(*facts) {}, ""},
		"and something else on the port": {func(f *facts) {
			f.Listeners, f.API.Status = []netip.AddrPort{registry.Defaults().Endpoint}, 200
		}, ""},
		"and no engine":  {func(f *facts) { f.Engine = nil }, "of a container nothing"},
		"and no systemd": {func(f *facts) { f.Unit = nil }, "of a unit nothing"},
		"and neither":    {func(f *facts) { f.Engine, f.Unit = nil, nil }, "of a unit and a container nothing"},
	} {
		h := bare()
		f, _ := h.Inspect(t.Context(), h.settings)
		tt.change(&f)
		r := registry.Judge(h.settings, f).Worded(remedy.Text)
		if !strings.Contains(r.Summary, tt.unknown) || strings.Contains(r.Summary, "nothing is known") != (tt.unknown != "") {
			t.Errorf("%s: %s", name, r.Summary)
		}
		if r.Decision != registry.NotInstalled || r.Installed || r.RuntimeAPIHealthy || r.Retryable || !strings.HasSuffix(r.Next, "install") {
			t.Errorf("%s: %+v", name, r)
		}
		if !r.Status().OK || r.Health().OK {
			t.Errorf("%s: status %v, health %v", name, r.Status().OK, r.Health().OK)
		}
		for _, c := range r.Checks {
			// What holds the port and what does not answer stay, and an installation needs both mended.
			busy := c.Scope == registry.ScopeListener && len(f.Listeners) > 0
			switch want := busy || c.Scope == registry.ScopeEngine; {
			case !c.OK && want == strings.HasSuffix(c.Fix, "artifact-registry install"):
				t.Errorf("%s: the fix of %s is %q", name, c.Name, c.Fix)
			case c.Fix != "" && strings.Contains(c.Fix, "docker logs"):
				t.Errorf("%s: %s wants the output of a container that is not there", name, c.Name)
			}
		}
	}
}

// A fix names no unit and no container that is not there.
func TestAFixIsOfWhatIsThere(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*facts)
		never  string
	}{
		"the files without the unit": {func(f *facts) {
			f.Unit.Load, f.Unit.Active, f.Unit.File = "not-found", "inactive", ""
			f.Container, f.Listeners, f.API = nil, nil, registry.APIFacts{Error: "refused"}
		}, "systemctl"},
		"the unit without a container": {func(f *facts) {
			f.Container, f.Listeners, f.API = nil, nil, registry.APIFacts{Error: "refused"}
		}, "docker logs"},
		"another program in the container's place": {func(f *facts) { f.Container, f.API.Registry = nil, new(bool) }, "docker logs"},
	} {
		h := installed()
		f, err := h.Inspect(t.Context(), h.settings)
		if err != nil {
			t.Fatal(err)
		}
		tt.change(&f)
		for _, c := range registry.Judge(h.settings, f).Worded(remedy.Text).Checks {
			if strings.Contains(c.Fix, tt.never) || !c.OK && c.Fix == "" {
				t.Errorf("%s: the fix of %s is %q", name, c.Name, c.Fix)
			}
		}
	}
}

func TestAContainerAloneIsNoInstallation(t *testing.T) {
	t.Parallel()
	h := bare()
	h.Runs = "by hand"
	f, _ := h.Inspect(t.Context(), h.settings)
	if r := registry.Judge(h.settings, f); r.Decision != registry.ServiceDegraded || r.Installed || !r.RuntimeAPIHealthy {
		t.Errorf("%+v", r)
	}
}

func TestEveryScopeIsWellOrFailed(t *testing.T) {
	t.Parallel()
	h := installed()
	f, _ := h.Inspect(t.Context(), h.settings)
	f.Unit.File = "disabled"
	r := registry.Judge(h.settings, f)
	if diff := cmp.Diff([]registry.Scope{registry.ScopeUnit}, r.FailedScopes); diff != "" {
		t.Error(diff)
	}
	want := []registry.Scope{"host", "engine", "container", "listener", "api", "storage", "files", "image"}
	if diff := cmp.Diff(want, r.HealthyScopes); diff != "" {
		t.Error(diff)
	}
}

func TestAHostThatWasNotRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		want registry.Decision
	}{
		"gone":             {fault.Transient(fault.HostUnreachable, "ssh failed"), registry.HostUnreachable},
		"another host key": {fault.New(fault.HostKeyMismatch, "changed").WithHint("find out why"), registry.HostUnreachable},
		"silent":           {fault.Transient(fault.Stalled, "nothing came"), registry.HostUnreachable},
		"without an agent": {fault.New(fault.NotAnAgent, "no unidesk-agent"), registry.AgentUnavailable},
		"an agent too old": {fault.New(fault.CapabilityMissing, "no REGISTRY"), registry.AgentUnavailable},
		"no role there":    {fault.New(fault.RoleMissing, "no role"), registry.Refused},
		"paths not given":  {fault.New(fault.PathRefused, "not below"), registry.Refused},
		"anything else":    {errors.New("what"), registry.Refused},
	} {
		r := registry.Unreachable(registry.Defaults(), fault.ReportOf(tt.err))
		if r.Decision != tt.want || r.Retryable != fault.Retryable(tt.err) || r.Status().OK || r.Health().OK || r.RuntimeAPIHealthy {
			t.Errorf("%s: %+v", name, r)
		}
		if r.Failure.Message != tt.err.Error() || r.Failure.Hint != fault.HintOf(tt.err) || !slices.Equal(r.FailedScopes, []registry.Scope{registry.ScopeHost}) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestAnInstallationThatFailed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err   error
		begun bool
		want  registry.Decision
		next  string // a part of it
	}{
		"on the host":             {fault.New(fault.UnitFailed, "no").WithHint("look at the journal"), true, registry.InstallFailed, "look at the journal"},
		"before the first step":   {fault.New(fault.PortInUse, "listened on").WithHint("stop it"), false, registry.InstallFailed, "stop it"},
		"without a hint":          {fault.New(fault.Internal, "panic"), false, registry.InstallFailed, "journalctl -u unidesk-agent"},
		"on the way":              {fault.Transient(fault.HostUnreachable, "cut"), false, registry.HostUnreachable, "the host is up"},
		"cut when it was at work": {fault.Transient(fault.Stalled, "nothing came"), true, registry.HostUnreachable, "artifact-registry status"},
		"interrupted at work":     {fault.New(fault.Interrupted, "^C"), true, registry.InstallFailed, "artifact-registry status"},
		"without its agent":       {fault.New(fault.NotAnAgent, "none"), false, registry.AgentUnavailable, "install unidesk-agent"},
		"by one who only reads":   {fault.New(fault.RoleMissing, "needs the role admin"), false, registry.Refused, "its role in /etc/unidesk/agent.yaml"},
	} {
		r := registry.Unreachable(registry.Defaults(), fault.ReportOf(tt.err)).FailedInstall(tt.begun).Worded(remedy.Text)
		unheard := tt.begun && fault.ReasonOf(tt.err) != fault.UnitFailed
		if r.Decision != tt.want || r.OK || !strings.Contains(r.Next, tt.next) || strings.Contains(r.Summary, "goes on") != unheard {
			t.Errorf("%s: %+v", name, r)
		}
		if about := strings.Contains(r.Summary, "role"); about != (fault.ReasonOf(tt.err) == fault.RoleMissing) {
			t.Errorf("%s: %s", name, r.Summary)
		}
	}
	if r := registry.Unreachable(registry.Defaults(), fault.ReportOf(fault.New(fault.HostUnreachable, "the agent is stopped"))).WithoutAgent(); r.Decision != registry.AgentUnavailable {
		t.Errorf("%+v", r)
	}
}

// A script may count on every list being a list, and on the neighbours being named.
func TestAReportsListsAreNeverNull(t *testing.T) {
	t.Parallel()
	h := installed()
	f, _ := h.Inspect(t.Context(), h.settings)
	for _, r := range []registry.Report{registry.Judge(h.settings, f), registry.Unreachable(h.settings, fault.ReportOf(errors.New("what")))} {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "null") || len(r.DoesNotImply) != 5 || r.Endpoint != "http://127.0.0.1:5000" || r.Unit != registry.Unit {
			t.Errorf("%s", b)
		}
	}
}
