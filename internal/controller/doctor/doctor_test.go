package doctor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

var errDenied = errors.New("permission denied")

// rowOf is a row of the built-in catalog.
func rowOf(name string) catalog.Row { return must(must(catalog.Builtin()).Row(name)) }

func TestEachFindingHasItsLevelAndAFixUnlessItIsWell(t *testing.T) {
	t.Parallel()
	pending := workload.Pending{Change: workload.Change{
		Ref: workloadtest.Ref("unidesk", "frontend"), Image: artifact.Pinned{Commit: commitOf("a")}, Holder: "alice",
	}}
	classic := engine.Info{Version: "20.10", APIVersion: "1.41", Store: engine.Classic}
	for name, c := range map[string]struct {
		got  Finding
		want Level
		// says is a part of the finding's text.
		says string
	}{
		"a configuration that is read":            {judgeConfig("/etc/unidesk", site.Defaults(), nil), LevelOK, "1 host, registry on D601"},
		"a configuration that is not":             {judgeConfig("/x", site.Config{}, fault.New(fault.ConfigInvalid, "state is empty")), LevelFault, "state is empty (CONFIG_INVALID)"},
		"a catalog that is not read":              {judgeCatalog("/etc/unidesk", nil, fault.New(fault.ConfigInvalid, "line 3: no")), LevelFault, "line 3"},
		"a private file":                          {judgePrivate("env file", file{path: "/e", mode: 0o600}, ""), LevelOK, "mode 0600"},
		"a group's file":                          {judgePrivate("env file", file{path: "/e", mode: 0o640}, ""), LevelOK, "mode 0640"},
		"a file that everybody reads":             {judgePrivate("env file", file{path: "/e", mode: 0o644}, ""), LevelWarning, "everybody may read it (mode 0644)"},
		"a file that everybody writes":            {judgePrivate("env file", file{path: "/e", mode: 0o602}, ""), LevelWarning, "everybody may write"},
		"a pipe for a file":                       {judgePrivate("env file", file{path: "/e", mode: fs.ModeNamedPipe | 0o600}, ""), LevelFault, "not a regular file"},
		"a file that is not there":                {judgePrivate("env file", file{err: errDenied}, ""), LevelFault, "permission denied"},
		"UniDesk's folder":                        {judgeComposeFiles(file{path: "/u", mode: fs.ModeDir}, []file{{path: "/u/docker-compose.yml"}}), LevelOK, "docker-compose.yml"},
		"no folder":                               {judgeComposeFiles(file{err: errDenied}, nil), LevelFault, "permission denied"},
		"a file for the folder":                   {judgeComposeFiles(file{path: "/u", mode: 0o600}, nil), LevelFault, "not a folder"},
		"a Compose file that is missing":          {judgeComposeFiles(file{mode: fs.ModeDir}, []file{{err: errDenied}}), LevelFault, "permission denied"},
		"a Compose plugin":                        {judgeCompose("5.0.2", nil, ""), LevelOK, "5.0.2"},
		"docker-compose v1 alone":                 {judgeCompose("", errDenied, "1.29.2"), LevelFault, "docker-compose 1.29.2 is there and does not stand in"},
		"docker-compose v1 as the plugin":         {judgeCompose("1.29.2", nil, ""), LevelFault, "version 1"},
		"no Compose at all":                       {judgeCompose("", errDenied, ""), LevelFault, "permission denied"},
		"docker-compose v2 alone":                 {judgeCompose("", errDenied, "2.40.0"), LevelFault, "permission denied"},
		"a project that is read":                  {judgeProject("unidesk", "5.0.2", nil), LevelOK, ""},
		"a project that is not":                   {judgeProject("unidesk", "2.35.0", fault.New(fault.ComposeFailed, "line 4: bad")), LevelFault, "bad (COMPOSE_FAILED)"},
		"a Compose that lacks a flag":             {judgeProject("unidesk", "2.29.7+ds1", fault.New(fault.ComposeFailed, "unknown flag: --no-env-resolution")), LevelFault, "Compose is too old: unknown flag"},
		"an old Compose and an env file amiss":    {judgeProject("unidesk", "2.29.7", fault.New(fault.EnvFileInvalid, "line 2").WithHint("mend it")), LevelFault, "line 2 (ENV_FILE_INVALID)"},
		"a Compose of no version":                 {judgeProject("unidesk", "dev", fault.New(fault.ComposeFailed, "bad")), LevelFault, "bad (COMPOSE_FAILED)"},
		"an engine":                               {judgeEngine(classic, nil), LevelOK, "20.10, API 1.41, classic store"},
		"an engine that cannot tell":              {judgeEngine(engine.Info{Version: "27", APIVersion: "1.47", Store: engine.Containerd}, nil), LevelFault, "cannot tell"},
		"no engine":                               {judgeEngine(engine.Info{}, fault.Transient(fault.EngineUnavailable, "refused")), LevelFault, "refused (ENGINE_UNAVAILABLE)"},
		"a private state folder":                  {judgeState(stateFacts{exists: true, mode: fs.ModeDir | 0o700}), LevelOK, "private"},
		"a shared state folder":                   {judgeState(stateFacts{exists: true, mode: fs.ModeDir | fs.ModeSetgid | fs.ModeSticky | 0o770}), LevelOK, "shared"},
		"a shared folder without the sticky bit":  {judgeState(stateFacts{dir: "/s", exists: true, mode: fs.ModeDir | fs.ModeSetgid | 0o770}), LevelWarning, "another folder"},
		"a group's folder without setgid":         {judgeState(stateFacts{exists: true, mode: fs.ModeDir | 0o770}), LevelWarning, "would not own"},
		"everybody's folder":                      {judgeState(stateFacts{exists: true, mode: fs.ModeDir | 0o755}), LevelWarning, "open to everybody"},
		"no state folder yet":                     {judgeState(stateFacts{}), LevelOK, "the first deploy makes it"},
		"a file for the state folder":             {judgeState(stateFacts{exists: true, mode: 0o600}), LevelFault, "not a folder"},
		"a state folder that is closed":           {judgeState(stateFacts{exists: true, mode: fs.ModeDir | 0o700, closed: []string{"/s/ledger"}}), LevelFault, "/s/ledger"},
		"nothing left over":                       {judgeLeftovers(nil, nil, nil, ""), LevelOK, "none"},
		"a change left over":                      {judgeLeftovers([]workload.Pending{pending}, nil, nil, ""), LevelFault, "frontend to aaaaaaaaaaaa was not confirmed (alice)"},
		"a receipt left over":                     {judgeLeftovers(nil, []ledger.Receipt{receiptOf("frontend", artifact.Prod, "a", ledger.Succeeded)}, nil, ""), LevelWarning, "not in force"},
		"leftovers that cannot be read":           {judgeLeftovers(nil, nil, errDenied, ""), LevelFault, "permission denied"},
		"a watch":                                 {judgeWatch(true, nil), LevelOK, "is reverted"},
		"no watch":                                {judgeWatch(false, nil), LevelWarning, "the watch does not run"},
		"a watch that cannot be looked for":       {judgeWatch(false, errDenied), LevelWarning, "permission denied"},
		"room for the quota":                      {judgeSpool("/s", 20<<30, 1<<30, disk{free: 30 << 30}), LevelOK, "1.07 GB of 21.47 GB used"},
		"just the room for the rest of the quota": {judgeSpool("/s", 20<<30, 5<<30, disk{free: 15 << 30}), LevelOK, ""},
		"less room than quota":                    {judgeSpool("/s", 20<<30, 5<<30, disk{free: 14 << 30}), LevelWarning, "the disk is full before"},
		"no room":                                 {judgeSpool("/s", 20<<30, 0, disk{free: 1 << 20}), LevelFault, "no image"},
		"a spool that gives its own room":         {judgeSpool("/s", 1<<30, 1<<30, disk{free: 1 << 20}), LevelOK, ""},
		"a quota below any image":                 {judgeSpool("/s", 1000, 0, disk{free: 30 << 30}), LevelFault, "quota 1.0 kB"},
		"a spool's disk that is not seen":         {judgeSpool("/s", 1, 0, disk{err: errDenied}), LevelFault, "permission denied"},
		"room for the engine":                     {judgeEngineDisk("/d", disk{free: 30 << 30}), LevelOK, "/d"},
		"little room for the engine":              {judgeEngineDisk("/d", disk{free: 1 << 30}), LevelWarning, "may not fit"},
		"no room for the engine":                  {judgeEngineDisk("/d", disk{free: 1 << 20}), LevelFault, "no image"},
		"an engine's disk that is not seen":       {judgeEngineDisk("/d", disk{err: errDenied}), LevelWarning, "permission denied"},
		"a clean path":                            {judgePath(rpc.Echoed{Bytes: 288, Median: 20 * time.Millisecond, Slowest: 41 * time.Millisecond}, nil), LevelOK, "288 bytes"},
		"a slow path":                             {judgePath(rpc.Echoed{Bytes: 288, Slowest: 2 * time.Second}, nil), LevelWarning, "slowest 2s"},
		"a path that changes bytes":               {judgePath(rpc.Echoed{}, fault.New(fault.NotAnAgent, "changes bytes").WithHint("no terminal")), LevelFault, "changes bytes"},
		"a clock that agrees":                     {judgeClock(site.HostRow{SkewSeconds: 0.2, RoundTripSeconds: 0.5}), LevelOK, "ours"},
		"a clock that is off":                     {judgeClock(site.HostRow{SkewSeconds: -7, RoundTripSeconds: 0.5}), LevelWarning, "-7.0 s"},
		"a clock seen over a slow line":           {judgeClock(site.HostRow{SkewSeconds: 6, RoundTripSeconds: 3}), LevelOK, ""},
	} {
		if c.got.Level != c.want || c.got.OK != (c.want == LevelOK) || (c.got.Fix == "") != c.got.OK && !strings.Contains(c.got.What, errDenied.Error()) || !strings.Contains(c.got.What, c.says) {
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
	if len(got) != 1 || got[0].Level != LevelFault || got[0].What != "no value for UNIDESK_BAIDU_NETDISK_TOKEN_KEY" {
		t.Errorf("%+v", got)
	}
	env = must(envfile.Parse("env", []byte("UNIDESK_BAIDU_NETDISK_CLIENT_ID="+value+"\nUNIDESK_BAIDU_NETDISK_CLIENT_SECRET="+value+"\nUNIDESK_BAIDU_NETDISK_TOKEN_KEY="+value)))
	got = judgeSecrets("/e", rows, env.Presence)
	if len(got) != 1 || !got[0].OK || strings.Contains(got[0].What, value) || !strings.Contains(got[0].What, "TOKEN_KEY 17 bytes") {
		t.Errorf("%+v", got)
	}
}

func TestSignersMatterWhereTheCatalogAsksForGrants(t *testing.T) {
	t.Parallel()
	gated, free := []catalog.Row{rowOf("code-queue-mgr")}, []catalog.Row{rowOf("frontend")}
	for name, c := range map[string]struct {
		rows []catalog.Row
		err  error
		want []Level
	}{
		"nobody asks":        {free, errDenied, nil},
		"nobody could grant": {gated, errDenied, []Level{LevelWarning}},
		"there are some":     {gated, nil, []Level{LevelOK}},
	} {
		var got []Level
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
		want Level
		says string
	}{
		"none, and nobody asks":           {free, summaries{}, "", ""},
		"none, and one asks":              {strict, summaries{}, LevelFault, "nothing of frontend is deployed"},
		"a folder that is not read":       {free, summaries{dir: "/s", err: errDenied}, LevelWarning, "stays unverified: permission denied"},
		"one that is not read, and asked": {strict, summaries{dir: "/s", err: errDenied}, LevelFault, "nothing of frontend can be deployed: permission denied"},
		"all good":                        {free, summaries{dir: "/s", good: 3}, LevelOK, "3 in /s"},
		"one bad":                         {strict, summaries{dir: "/s", good: 3, bad: six[:1]}, LevelWarning, "3 in /s, and 1 file of another form:\none"},
		"many bad":                        {free, summaries{dir: "/s", bad: six}, LevelWarning, "four\nfive\nand 1 more"},
	} {
		list := judgeSummaries(c.rows, c.s)
		if c.want == "" {
			if list != nil {
				t.Errorf("%s: %+v", name, list)
			}
			continue
		}
		if len(list) != 1 || list[0].Level != c.want || !strings.Contains(list[0].What, c.says) || (list[0].Fix == "") != (c.want == LevelOK) {
			t.Errorf("%s: %+v, want %s and %q", name, list, c.want, c.says)
		}
	}
}

func TestSSHMattersWhereItLeadsSomewhere(t *testing.T) {
	t.Parallel()
	if got := judgeSSH(nil, ""); got != nil {
		t.Errorf("%v", got)
	}
	if got := judgeSSH([]string{"D601"}, ""); len(got) != 1 || got[0].Level != LevelFault {
		t.Errorf("%v", got)
	}
	if got := judgeSSH([]string{"D601"}, "/usr/bin/ssh"); len(got) != 1 || !got[0].OK {
		t.Errorf("%v", got)
	}
}

// levels are those of a list's findings that are not well, by check.
func levels(list []Finding) map[string]Level {
	m := map[string]Level{}
	for _, f := range list {
		if f.Level != LevelOK {
			m[f.Check] = f.Level
		}
	}
	return m
}

func TestAHostIsJudgedByWhatTheCatalogNeedsThere(t *testing.T) {
	t.Parallel()
	reached := func(role rpc.Role, can ...rpc.Capability) site.HostRow {
		return site.HostRow{Name: "D601", Reachable: true, Agent: &rpc.Description{
			AgentVersion: "1", CallerRole: role, Capabilities: can, Engine: &rpc.Engine{Version: "28"},
		}}
	}
	healthy := &registryFacts{report: registry.Report{Decision: registry.Healthy}}
	work := []string{"findjob"}
	for name, c := range map[string]struct {
		facts hostFacts
		want  map[string]Level
	}{
		"a host that does not answer": {
			hostFacts{row: site.HostRow{Message: "no route", Reason: fault.HostUnreachable}}, map[string]Level{"agent": LevelFault},
		},
		"another host key": {
			hostFacts{row: site.HostRow{Reason: fault.HostKeyMismatch, Hint: "find out why"}}, map[string]Level{"agent": LevelFault},
		},
		"a host that nothing is wanted of": {hostFacts{row: reached(rpc.RoleNone)}, map[string]Level{}},
		"a registry's host, read":          {hostFacts{row: reached(rpc.RoleRead, rpc.CapabilityImageStream), registry: healthy}, map[string]Level{}},
		"a registry's host without a role": {
			hostFacts{row: reached(rpc.RoleNone, rpc.CapabilityImageStream), registry: healthy}, map[string]Level{"role": LevelFault},
		},
		"a registry's host without its images": {
			hostFacts{row: reached(rpc.RoleRead), registry: healthy}, map[string]Level{"capabilities": LevelFault},
		},
		"services there, operated": {hostFacts{row: reached(rpc.RoleOperate, rpc.CapabilityWorkloadCompose), services: work}, map[string]Level{}},
		"services there, by a reader": {
			hostFacts{row: reached(rpc.RoleRead, rpc.CapabilityWorkloadCompose), services: work}, map[string]Level{"role": LevelFault},
		},
		"services there that the agent does not serve": {
			hostFacts{row: reached(rpc.RoleAdmin), services: work}, map[string]Level{"capabilities": LevelFault},
		},
		"services there, one of them not placed": {
			hostFacts{row: reached(rpc.RoleOperate, rpc.CapabilityWorkloadCompose), services: work, seen: []serviceFacts{
				{env: artifact.Prod, service: "findjob"}, {env: artifact.Prod, service: "pipeline", err: fault.New(fault.WorkloadNotFound, "no such workload")},
			}},
			map[string]Level{"service pipeline": LevelFault},
		},
		"services there, one of them placed otherwise": {
			hostFacts{row: reached(rpc.RoleOperate, rpc.CapabilityWorkloadCompose), services: work, seen: []serviceFacts{
				{env: artifact.Prod, service: "findjob"}, {env: artifact.Prod, service: "pipeline", differences: []string{"image is other, want pipeline"}},
			}},
			map[string]Level{"service pipeline": LevelFault},
		},
		"services there, one of them in the middle of a change": {
			hostFacts{row: reached(rpc.RoleOperate, rpc.CapabilityWorkloadCompose), services: work, seen: []serviceFacts{
				{env: artifact.Prod, service: "findjob", pending: &workload.Pending{Change: workload.Change{Image: artifact.Pinned{Commit: commitOf("a")}}}},
			}},
			map[string]Level{"leftovers": LevelFault},
		},
		"a cluster there, operated": {hostFacts{row: reached(rpc.RoleOperate, rpc.CapabilityWorkloadKubernetes), clustered: work}, map[string]Level{}},
		"a cluster there, by a reader": {
			hostFacts{row: reached(rpc.RoleRead, rpc.CapabilityWorkloadKubernetes), clustered: work}, map[string]Level{"role": LevelFault},
		},
		"a cluster there that the agent does not serve": {
			hostFacts{row: reached(rpc.RoleOperate, rpc.CapabilityWorkloadCompose), services: work, clustered: []string{"code-queue", "decision-center"}},
			map[string]Level{"capabilities": LevelFault},
		},
		"a registry that does not answer": {
			hostFacts{row: reached(rpc.RoleRead, rpc.CapabilityImageStream), registry: &registryFacts{
				asked: fault.New(fault.RegistryUnavailable, "refused"), report: registry.Report{Decision: registry.RuntimeUnavailable},
			}},
			map[string]Level{"registry": LevelFault, "registry's health": LevelWarning},
		},
		"a registry that drifted": {
			hostFacts{row: reached(rpc.RoleRead, rpc.CapabilityImageStream), registry: &registryFacts{report: registry.Report{Decision: registry.Drifted}}},
			map[string]Level{"registry's health": LevelWarning},
		},
		"a path that keeps the agent from answering": {
			hostFacts{row: site.HostRow{Message: "no answer"}, dialed: true, echoErr: fault.New(fault.Stalled, "held back")},
			map[string]Level{"agent": LevelFault, "path": LevelFault},
		},
		"an agent that refuses an account without a role": {
			hostFacts{row: site.HostRow{Reason: fault.RoleMissing}, dialed: true, echoErr: fault.New(fault.NotAnAgent, "ENHANCE_YOUR_CALM")},
			map[string]Level{"agent": LevelFault},
		},
		"a path that is not clean": {
			hostFacts{row: reached(rpc.RoleNone), dialed: true, echoErr: fault.New(fault.Stalled, "held back")}, map[string]Level{"path": LevelFault},
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
	ok, warning, bad := fine("a", ""), amiss(LevelWarning, "b", "mend", "it"), amiss(LevelFault, "c", "mend", "it")
	for _, c := range []struct {
		list     []Finding
		decision Level
	}{
		{[]Finding{ok}, LevelOK},
		{[]Finding{ok, warning}, LevelWarning},
		{[]Finding{bad, warning, ok}, LevelFault},
	} {
		if d := diagnosisOf(c.list); d.Decision != c.decision || d.OK != (c.decision == LevelOK) {
			t.Errorf("%v: %+v", c.list, d)
		}
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
	d := Examiner{ConfigDir: filepath.Join(dir, "etc")}.Diagnose(t.Context())
	if _, err := os.Stat(filepath.Dir(state)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the state folder was made (%v)", err)
	}
	if strings.Contains(string(must(os.ReadFile(filepath.Join(dir, "etc/controller.yaml")))), "sEcrEt") || d.Decision != LevelFault {
		t.Errorf("%+v", d)
	}
	faults := levels(d.Findings)
	for _, check := range []string{"env file", "engine", "UniDesk root", "agent"} {
		if faults[check] != LevelFault {
			t.Errorf("%s is %q", check, faults[check])
		}
	}
	if l, judged := faults["allowed signers"]; judged {
		t.Errorf("the signers that controller.yaml names are a %s", l)
	}
	if faults["summaries"] != LevelWarning {
		t.Errorf("summaries: %q", faults["summaries"])
	}
	for _, f := range d.Findings {
		if strings.Contains(f.What+f.Fix, "sEcrEt") {
			t.Errorf("a line of the env file is shown: %+v", f)
		}
	}
}
