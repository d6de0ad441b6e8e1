package controller

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

var errDenied = errors.New("permission denied")

// rowOf is a row of the built-in catalog.
func rowOf(name string) catalog.Row { return must(must(catalog.Builtin()).Row(name)) }

func TestEachFindingHasItsLevelAndAFixUnlessItIsWell(t *testing.T) {
	t.Parallel()
	pending := workload.Pending{Change: workload.Change{Spec: workload.Spec{Container: "frontend"}, Commit: commitOf("a"), Holder: "alice"}}
	classic := engine.Info{Version: "20.10", APIVersion: "1.41", Store: engine.Classic}
	for name, c := range map[string]struct {
		got  finding
		want level
		// says is in what it says.
		says string
	}{
		"a configuration that is read":            {judgeConfig("/etc/unidesk", defaults(), nil), levelOK, "1 host, registry on D601"},
		"a configuration that is not":             {judgeConfig("/x", Config{}, fault.New(fault.ConfigInvalid, "state is empty")), levelFault, "state is empty (CONFIG_INVALID)"},
		"a catalog that is not read":              {judgeCatalog(nil, fault.New(fault.ConfigInvalid, "line 3: no")), levelFault, "line 3"},
		"a private file":                          {judgePrivate("env file", file{path: "/e", mode: 0o600}, ""), levelOK, "mode 0600"},
		"a group's file":                          {judgePrivate("env file", file{path: "/e", mode: 0o640}, ""), levelOK, "mode 0640"},
		"a file that everybody reads":             {judgePrivate("env file", file{path: "/e", mode: 0o644}, ""), levelWarning, "everybody may read it (mode 0644)"},
		"a file that everybody writes":            {judgePrivate("env file", file{path: "/e", mode: 0o602}, ""), levelWarning, "everybody may write"},
		"a pipe for a file":                       {judgePrivate("env file", file{path: "/e", mode: fs.ModeNamedPipe | 0o600}, ""), levelFault, "not a regular file"},
		"a file that is not there":                {judgePrivate("env file", file{err: errDenied}, ""), levelFault, "permission denied"},
		"UniDesk's folder":                        {judgeComposeFiles(file{path: "/u", mode: fs.ModeDir}, []file{{path: "/u/docker-compose.yml"}}), levelOK, "docker-compose.yml"},
		"no folder":                               {judgeComposeFiles(file{err: errDenied}, nil), levelFault, "permission denied"},
		"a file for the folder":                   {judgeComposeFiles(file{path: "/u", mode: 0o600}, nil), levelFault, "not a folder"},
		"a Compose file that is missing":          {judgeComposeFiles(file{mode: fs.ModeDir}, []file{{err: errDenied}}), levelFault, "permission denied"},
		"a Compose plugin":                        {judgeCompose("5.0.2", nil, ""), levelOK, "5.0.2"},
		"docker-compose v1 alone":                 {judgeCompose("", errDenied, "1.29.2"), levelFault, "docker-compose 1.29.2 is there and does not stand in"},
		"docker-compose v1 as the plugin":         {judgeCompose("1.29.2", nil, ""), levelFault, "version 1"},
		"no Compose at all":                       {judgeCompose("", errDenied, ""), levelFault, "permission denied"},
		"docker-compose v2 alone":                 {judgeCompose("", errDenied, "2.40.0"), levelFault, "permission denied"},
		"a project that is read":                  {judgeProject("unidesk", nil), levelOK, ""},
		"a project that is not":                   {judgeProject("unidesk", fault.New(fault.ComposeFailed, "line 4: bad")), levelFault, "line 4"},
		"a Compose that lacks a flag":             {judgeProject("unidesk", fault.New(fault.ComposeFailed, "unknown flag: --no-env-resolution")), levelFault, "too old"},
		"an engine":                               {judgeEngine(classic, nil), levelOK, "20.10, API 1.41, classic store"},
		"an engine that cannot tell":              {judgeEngine(engine.Info{Version: "27", APIVersion: "1.47", Store: engine.Containerd}, nil), levelFault, "cannot tell"},
		"no engine":                               {judgeEngine(engine.Info{}, fault.Transient(fault.EngineUnavailable, "refused")), levelFault, "refused (ENGINE_UNAVAILABLE)"},
		"a private state folder":                  {judgeState(stateFacts{exists: true, mode: fs.ModeDir | 0o700}), levelOK, "private"},
		"a shared state folder":                   {judgeState(stateFacts{exists: true, mode: fs.ModeDir | fs.ModeSetgid | 0o770}), levelOK, "shared"},
		"a group's folder without setgid":         {judgeState(stateFacts{exists: true, mode: fs.ModeDir | 0o770}), levelWarning, "would not own"},
		"everybody's folder":                      {judgeState(stateFacts{exists: true, mode: fs.ModeDir | 0o755}), levelWarning, "open to everybody"},
		"no state folder yet":                     {judgeState(stateFacts{}), levelOK, "the first deploy makes it"},
		"a file for the state folder":             {judgeState(stateFacts{exists: true, mode: 0o600}), levelFault, "not a folder"},
		"a state folder that is closed":           {judgeState(stateFacts{exists: true, mode: fs.ModeDir | 0o700, closed: []string{"/s/ledger"}}), levelFault, "/s/ledger"},
		"nothing left over":                       {judgeLeftovers(nil, nil, nil), levelOK, "none"},
		"a change left over":                      {judgeLeftovers([]workload.Pending{pending}, nil, nil), levelFault, "frontend to aaaaaaaaaaaa was not settled (alice)"},
		"a receipt left over":                     {judgeLeftovers(nil, []ledger.Receipt{receiptOf("frontend", catalog.Prod, "a", ledger.Succeeded)}, nil), levelWarning, "not in force"},
		"leftovers that cannot be read":           {judgeLeftovers(nil, nil, errDenied), levelFault, "permission denied"},
		"a watch":                                 {judgeWatch(true, nil), levelOK, "is taken back"},
		"nobody who watches":                      {judgeWatch(false, nil), levelWarning, "nobody watches"},
		"a watch that cannot be looked for":       {judgeWatch(false, errDenied), levelWarning, "permission denied"},
		"room for the quota":                      {judgeSpool("/s", 20<<30, 1<<30, disk{free: 30 << 30}), levelOK, "1.07 GB of 21.47 GB used"},
		"just the room for the rest of the quota": {judgeSpool("/s", 20<<30, 5<<30, disk{free: 15 << 30}), levelOK, ""},
		"less room than quota":                    {judgeSpool("/s", 20<<30, 5<<30, disk{free: 14 << 30}), levelWarning, "the disk is full before"},
		"no room":                                 {judgeSpool("/s", 20<<30, 0, disk{free: 1 << 20}), levelFault, "no image"},
		"a spool that gives its own room":         {judgeSpool("/s", 1<<30, 1<<30, disk{free: 1 << 20}), levelOK, ""},
		"a quota below any image":                 {judgeSpool("/s", 1000, 0, disk{free: 30 << 30}), levelFault, "quota 1.0 kB"},
		"a spool's disk that is not seen":         {judgeSpool("/s", 1, 0, disk{err: errDenied}), levelFault, "permission denied"},
		"room for the engine":                     {judgeEngineDisk("/d", disk{free: 30 << 30}), levelOK, "/d"},
		"little room for the engine":              {judgeEngineDisk("/d", disk{free: 1 << 30}), levelWarning, "may not fit"},
		"no room for the engine":                  {judgeEngineDisk("/d", disk{free: 1 << 20}), levelFault, "no image"},
		"an engine's disk that is not seen":       {judgeEngineDisk("/d", disk{err: errDenied}), levelWarning, "permission denied"},
		"a clean path":                            {judgePath(rpc.Echoed{Bytes: 288, Median: 20 * time.Millisecond, Slowest: 41 * time.Millisecond}, nil), levelOK, "288 bytes"},
		"a slow path":                             {judgePath(rpc.Echoed{Bytes: 288, Slowest: 2 * time.Second}, nil), levelWarning, "slowest 2s"},
		"a path that changes bytes":               {judgePath(rpc.Echoed{}, fault.New(fault.NotAnAgent, "changes bytes").WithHint("no terminal")), levelFault, "changes bytes"},
		"a clock that agrees":                     {judgeClock(hostRow{SkewSeconds: 0.2, RoundTripSeconds: 0.5}), levelOK, "ours"},
		"a clock that is off":                     {judgeClock(hostRow{SkewSeconds: -7, RoundTripSeconds: 0.5}), levelWarning, "-7.0 s"},
		"a clock seen over a slow line":           {judgeClock(hostRow{SkewSeconds: 6, RoundTripSeconds: 3}), levelOK, ""},
	} {
		if c.got.Level != c.want || c.got.OK != (c.want == levelOK) || (c.got.Fix == "") != c.got.OK && !strings.Contains(c.got.What, errDenied.Error()) || !strings.Contains(c.got.What, c.says) {
			t.Errorf("%s: %+v, want %s and %q", name, c.got, c.want, c.says)
		}
	}
}

func TestSecretsAreToldByPresenceAndLengthOnly(t *testing.T) {
	t.Parallel()
	const value = "v4ry-secret-value"
	env := must(envfile.Parse("env", []byte("UNIDESK_BAIDU_NETDISK_CLIENT_ID="+value+"\nUNIDESK_BAIDU_NETDISK_CLIENT_SECRET="+value+"\n")))
	rows := []catalog.Row{rowOf("baidu-netdisk"), rowOf("frontend"), rowOf("findjob")}
	got := judgeSecrets("/e", rows, env.Presence)
	if len(got) != 1 || got[0].Level != levelFault || got[0].What != "no value for UNIDESK_BAIDU_NETDISK_TOKEN_KEY" {
		t.Errorf("%+v", got)
	}
	env = must(envfile.Parse("env", []byte("UNIDESK_BAIDU_NETDISK_CLIENT_ID="+value+"\nUNIDESK_BAIDU_NETDISK_CLIENT_SECRET="+value+"\nUNIDESK_BAIDU_NETDISK_TOKEN_KEY="+value)))
	got = judgeSecrets("/e", rows, env.Presence)
	if len(got) != 1 || !got[0].OK || strings.Contains(got[0].What, value) || !strings.Contains(got[0].What, "TOKEN_KEY 17 characters") {
		t.Errorf("%+v", got)
	}
}

func TestSignersMatterWhereTheCatalogAsksForGrants(t *testing.T) {
	t.Parallel()
	gated, free := []catalog.Row{rowOf("code-queue-mgr")}, []catalog.Row{rowOf("frontend")}
	for name, c := range map[string]struct {
		rows []catalog.Row
		err  error
		want []level
	}{
		"nobody asks":        {free, errDenied, nil},
		"nobody could grant": {gated, errDenied, []level{levelWarning}},
		"there are some":     {gated, nil, []level{levelOK}},
	} {
		var got []level
		for _, f := range judgeSigners(c.rows, "/s", c.err) {
			got = append(got, f.Level)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestSummariesMatterWhereTheyAreConfiguredOrAskedFor(t *testing.T) {
	t.Parallel()
	asks := rowOf("frontend")
	asks.Provenance = provenance.Required
	free, strict := []catalog.Row{rowOf("frontend")}, []catalog.Row{rowOf("todo-note"), asks}
	six := []string{"one", "two", "three", "four", "five", "six"}
	for name, c := range map[string]struct {
		rows []catalog.Row
		s    summaries
		want level
		says string
	}{
		"none, and nobody asks":           {free, summaries{}, "", ""},
		"none, and one asks":              {strict, summaries{}, levelFault, "nothing of frontend is deployed"},
		"a folder that is not read":       {free, summaries{dir: "/s", err: errDenied}, levelWarning, "stays unverified: permission denied"},
		"one that is not read, and asked": {strict, summaries{dir: "/s", err: errDenied}, levelFault, "nothing of frontend can be deployed: permission denied"},
		"all good":                        {free, summaries{dir: "/s", good: 3}, levelOK, "3 in /s"},
		"one bad":                         {strict, summaries{dir: "/s", good: 3, bad: six[:1]}, levelWarning, "3 in /s, and 1 files that are none:\none"},
		"many bad":                        {free, summaries{dir: "/s", bad: six}, levelWarning, "four\nfive\nand 1 more"},
	} {
		list := judgeSummaries(c.rows, c.s)
		if c.want == "" {
			if list != nil {
				t.Errorf("%s: %+v", name, list)
			}
			continue
		}
		if len(list) != 1 || list[0].Level != c.want || !strings.Contains(list[0].What, c.says) || (list[0].Fix == "") != (c.want == levelOK) {
			t.Errorf("%s: %+v, want %s and %q", name, list, c.want, c.says)
		}
	}
}

func TestSSHMattersWhereItLeadsSomewhere(t *testing.T) {
	t.Parallel()
	if got := judgeSSH(nil, ""); got != nil {
		t.Errorf("%v", got)
	}
	if got := judgeSSH([]string{"D601"}, ""); len(got) != 1 || got[0].Level != levelFault {
		t.Errorf("%v", got)
	}
	if got := judgeSSH([]string{"D601"}, "/usr/bin/ssh"); len(got) != 1 || !got[0].OK {
		t.Errorf("%v", got)
	}
}

// levels are those of a list's findings that are not well, by check.
func levels(list []finding) map[string]level {
	m := map[string]level{}
	for _, f := range list {
		if f.Level != levelOK {
			m[f.Check] = f.Level
		}
	}
	return m
}

func TestAHostIsJudgedByWhatTheCatalogNeedsThere(t *testing.T) {
	t.Parallel()
	reached := func(role rpc.Role, can ...rpc.Capability) hostRow {
		return hostRow{Name: "D601", Reachable: true, Agent: &rpc.Description{
			AgentVersion: "1", CallerRole: role, Capabilities: can, Engine: &rpc.Engine{Version: "28"},
		}}
	}
	healthy := &registryFacts{report: registry.Report{Decision: registry.Healthy}}
	work := []string{"findjob"}
	for name, c := range map[string]struct {
		facts hostFacts
		want  map[string]level
	}{
		"a host that does not answer": {
			hostFacts{row: hostRow{Message: "no route", Reason: fault.HostUnreachable}}, map[string]level{"agent": levelFault},
		},
		"another host key": {
			hostFacts{row: hostRow{Reason: fault.HostKeyMismatch, Hint: "find out why"}}, map[string]level{"agent": levelFault},
		},
		"a host that nothing is wanted of": {hostFacts{row: reached(rpc.RoleNone)}, map[string]level{}},
		"a registry's host, read":          {hostFacts{row: reached(rpc.RoleRead, rpc.CapabilityImageStream), registry: healthy}, map[string]level{}},
		"a registry's host without a role": {
			hostFacts{row: reached(rpc.RoleNone, rpc.CapabilityImageStream), registry: healthy}, map[string]level{"role": levelFault},
		},
		"a registry's host without its images": {
			hostFacts{row: reached(rpc.RoleRead), registry: healthy}, map[string]level{"capabilities": levelFault},
		},
		"services there, operated": {hostFacts{row: reached(rpc.RoleOperate, rpc.CapabilityWorkloadCompose), services: work}, map[string]level{}},
		"services there, by a reader": {
			hostFacts{row: reached(rpc.RoleRead, rpc.CapabilityWorkloadCompose), services: work}, map[string]level{"role": levelFault},
		},
		"services there that the agent does not serve": {
			hostFacts{row: reached(rpc.RoleAdmin), services: work}, map[string]level{"capabilities": levelFault},
		},
		"services there, one of them not placed": {
			hostFacts{row: reached(rpc.RoleOperate, rpc.CapabilityWorkloadCompose), services: work, seen: []serviceFacts{
				{service: "findjob"}, {service: "pipeline", err: fault.New(fault.WorkloadNotFound, "no such workload")},
			}},
			map[string]level{"service pipeline": levelFault},
		},
		"services there, one of them in the middle of a change": {
			hostFacts{row: reached(rpc.RoleOperate, rpc.CapabilityWorkloadCompose), services: work, seen: []serviceFacts{
				{service: "findjob", pending: &workload.Pending{Change: workload.Change{Commit: commitOf("a")}}},
			}},
			map[string]level{"leftovers": levelFault},
		},
		"a registry that does not answer": {
			hostFacts{row: reached(rpc.RoleRead, rpc.CapabilityImageStream), registry: &registryFacts{
				asked: fault.New(fault.RegistryUnavailable, "refused"), report: registry.Report{Decision: registry.RuntimeUnavailable},
			}},
			map[string]level{"registry": levelFault, "registry's health": levelWarning},
		},
		"a registry that drifted": {
			hostFacts{row: reached(rpc.RoleRead, rpc.CapabilityImageStream), registry: &registryFacts{report: registry.Report{Decision: registry.Drifted}}},
			map[string]level{"registry's health": levelWarning},
		},
		"a path that keeps the agent from answering": {
			hostFacts{row: hostRow{Message: "no answer"}, dialed: true, echoErr: fault.New(fault.Stalled, "held back")},
			map[string]level{"agent": levelFault, "path": levelFault},
		},
		"a path that is not clean": {
			hostFacts{row: reached(rpc.RoleNone), dialed: true, echoErr: fault.New(fault.Stalled, "held back")}, map[string]level{"path": levelFault},
		},
	} {
		if diff := cmp.Diff(c.want, levels(judgeHost(c.facts))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	other := judgeHost(hostFacts{row: reached(rpc.RoleNone), version: "2"})
	if !other[0].OK || !strings.Contains(other[0].What, "this controller is 2") {
		t.Errorf("another version is only shown: %+v", other[0])
	}
}

func TestTheWorstFindingDecides(t *testing.T) {
	t.Parallel()
	ok, warning, bad := fine("a", ""), amiss(levelWarning, "b", "mend", "it"), amiss(levelFault, "c", "mend", "it")
	for _, c := range []struct {
		list     []finding
		decision level
	}{
		{[]finding{ok}, levelOK},
		{[]finding{ok, warning}, levelWarning},
		{[]finding{bad, warning, ok}, levelFault},
	} {
		if d := diagnosisOf(c.list); d.Decision != c.decision || d.OK != (c.decision == levelOK) {
			t.Errorf("%v: %+v", c.list, d)
		}
	}
}

func TestADiagnosisHasItsExitCode(t *testing.T) {
	t.Parallel()
	for decision, want := range map[level]int{levelOK: ExitOK, levelWarning: ExitDegraded, levelFault: ExitFailed} {
		if got := diagnosisExit(diagnosis{Decision: decision}); got != want {
			t.Errorf("%s: exit code %d, want %d", decision, got, want)
		}
	}
}

func TestADiagnosisIsGroupedWithAGlyphAndAFix(t *testing.T) {
	t.Parallel()
	d := diagnosis{Decision: levelFault, Findings: []finding{
		{Group: "UniDesk", Check: "env file", OK: true, Level: levelOK, What: "mode 0600"},
		{Group: "host D601", Check: "clock", Level: levelWarning, What: "off", Fix: "set it"},
		{Group: "host D601", Check: "agent", Level: levelFault, What: "two\nlines", Fix: "start it\nor not"},
	}}
	var out strings.Builder
	if err := printDiagnosis(&out, d); err != nil {
		t.Fatal(err)
	}
	want := `fault  faults: 1, warnings: 1, well: 1
UniDesk
  ✓ env file: mode 0600
host D601
  ! clock: off
    fix: set it
  ✗ agent: two
    lines
    fix: start it
    or not
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// The folders that a first deploy would make are not made.
func TestLookingChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root := filepath.Join(dir, "unidesk")
	state := filepath.Join(dir, "state", "deep")
	for path, content := range map[string]string{
		"etc/controller.yaml":  "version: 1\nstate: " + state + "\nsummaries: " + dir + "/published\nallowedSigners: " + dir + "/elsewhere/signers\nhosts: {D601: {socket: /nonexistent/agent.sock}}\nmaster: {root: " + root + ", docker: unix:///nonexistent/docker.sock}\n",
		"unidesk/config.json":  `{"providerGateway":{"upgrade":{"composeEnvFile":"env"}}}`,
		"unidesk/env":          "BROKEN sEcrEt-of-a-line='x\n",
		"elsewhere/signers":    "alice@example.org ssh-ed25519 AAAA\n",
		"published/web-1.json": "{}",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700), os.WriteFile(filepath.Join(dir, path), []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	d := examiner{configDir: filepath.Join(dir, "etc")}.diagnose(t.Context())
	if _, err := os.Stat(filepath.Dir(state)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the state folder was made (%v)", err)
	}
	if strings.Contains(string(must(os.ReadFile(filepath.Join(dir, "etc/controller.yaml")))), "sEcrEt") || d.Decision != levelFault {
		t.Errorf("%+v", d)
	}
	faults := levels(d.Findings)
	for _, check := range []string{"env file", "engine", "UniDesk root", "agent"} {
		if faults[check] != levelFault {
			t.Errorf("%s is %q", check, faults[check])
		}
	}
	if l, judged := faults["allowed signers"]; judged {
		t.Errorf("the signers that controller.yaml names are a %s", l)
	}
	if faults["summaries"] != levelWarning {
		t.Errorf("summaries: %q", faults["summaries"])
	}
	for _, f := range d.Findings {
		if strings.Contains(f.What+f.Fix, "sEcrEt") {
			t.Errorf("a line of the env file is told: %+v", f)
		}
	}
}

func TestThePageNamesEveryKeyForPeople(t *testing.T) {
	t.Parallel()
	page := string(must(os.ReadFile("../../docs/output.md")))
	for _, v := range []any{diagnosis{}, finding{}, wayBack{}, candidate{}, tailed{}} {
		for f := range reflect.TypeOf(v).Fields() {
			if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); !strings.Contains(page, "`"+key+"`") {
				t.Errorf("docs/output.md does not name %q of %T", key, v)
			}
		}
	}
	for _, word := range []string{inRegistry, movedThere, goneThere, unknownThere, string(levelOK), string(levelWarning), string(levelFault)} {
		if !strings.Contains(page, "`"+word+"`") {
			t.Errorf("docs/output.md does not name %q", word)
		}
	}
}

func TestOnlyWhatIsStillThereAsItWasProvenIsACandidate(t *testing.T) {
	t.Parallel()
	proven, other := artifact.DigestOf([]byte("proven")), artifact.DigestOf([]byte("other"))
	config := artifact.DigestOf([]byte("config"))
	r := receiptOf("frontend", catalog.Prod, "a", ledger.Succeeded)
	r.Image.Manifest, r.Image.Config = proven, config
	bytes, here := int64(5), true
	for name, c := range map[string]struct {
		now      remains
		running  *workload.Instance
		registry string
		command  bool
	}{
		"still there":               {remains{image: artifact.Image{Manifest: proven}, bytes: &bytes, here: &here}, nil, inRegistry, true},
		"still there, another runs": {remains{image: artifact.Image{Manifest: proven}}, &workload.Instance{Config: other}, inRegistry, true},
		"it runs":                   {remains{image: artifact.Image{Manifest: proven}}, &workload.Instance{Config: config}, inRegistry, false},
		"it runs, pulled into containerd's store": {remains{image: artifact.Image{Manifest: proven}}, &workload.Instance{ImageID: proven.String()}, inRegistry, false},
		"its tag was moved":                       {remains{image: artifact.Image{Manifest: other}}, nil, movedThere, false},
		"it is gone":                              {remains{err: fault.New(fault.ArtifactNotFound, "none")}, nil, goneThere, false},
		"the registry does not tell":              {remains{err: fault.New(fault.HostUnreachable, "no")}, nil, unknownThere, false},
	} {
		got := weigh(r, c.now, c.running, "the command")
		if got.Registry != c.registry || (got.Command != "") != c.command || (got.Why == "") != c.command || got.Bytes != c.now.bytes || got.InEngine != c.now.here {
			t.Errorf("%s: %+v", name, got)
		}
		if (got.Now != artifact.Digest{}) != (c.registry == movedThere) {
			t.Errorf("%s: the tag names %s", name, got.Now)
		}
	}
}

func TestEachProvenCommitComesOnceNewestFirst(t *testing.T) {
	t.Parallel()
	of := func(digit, id string, o ledger.Outcome) ledger.Receipt {
		r := receiptOf("frontend", catalog.Prod, digit, o)
		r.ID = id
		return r
	}
	var ids []string
	for _, r := range provenOnce([]ledger.Receipt{
		of("a", "6", ledger.Reverted), of("b", "5", ledger.Succeeded), of("a", "4", ledger.Succeeded), of("b", "3", ledger.Succeeded),
		of("c", "2", ledger.Degraded), of("d", "1", ledger.Succeeded), of("e", "0", ledger.Succeeded),
	}, 3) {
		ids = append(ids, r.ID)
	}
	if diff := cmp.Diff([]string{"5", "4", "1"}, ids); diff != "" {
		t.Error(diff)
	}
}

func TestLogsAreOfTheServicesOwnContainerFirst(t *testing.T) {
	t.Parallel()
	spec := workload.Spec{Container: "frontend"}
	own, left := workload.Instance{ID: "1", Name: "frontend"}, workload.Instance{ID: "2", Name: "0123456789ab_frontend"}
	if in, err := speaking(spec, workload.Observation{Instances: []workload.Instance{left, own}}); err != nil || in.ID != "1" {
		t.Errorf("%v %v", in, err)
	}
	if in, err := speaking(spec, workload.Observation{Instances: []workload.Instance{left}}); err != nil || in.ID != "2" {
		t.Errorf("%v %v", in, err)
	}
	if _, err := speaking(spec, workload.Observation{}); fault.ReasonOf(err) != fault.WorkloadNotFound {
		t.Errorf("%v", err)
	}
}
