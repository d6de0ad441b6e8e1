package bootstrap

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/agent"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
	"github.com/pikasTech/unidesk-artifact-cd/packaging"
)

// bare is a Debian host that nothing of ours is on.
func bare() Facts {
	f := Facts{
		Machine: "x86_64", UID: 1000, Account: "ubuntu", Systemd: true, Sudo: "yes",
		Files: map[string]string{agentPath: fileAbsent, configPath: fileAbsent},
		Free:  map[string]int64{"/usr/bin": 1 << 30, "/tmp": 1 << 30},
		Units: map[string]Unit{},
	}
	for _, file := range packaging.Files() {
		f.Files[file.Path] = fileAbsent
	}
	return f
}

// furnished is a host that a bootstrap has been at.
func furnished(b Binary) Facts {
	f := bare()
	f.Group, f.Member = true, true
	f.Files[agentPath], f.Files[configPath] = b.SHA256, fileUnreadable
	for _, file := range packaging.Files() {
		f.Files[file.Path] = sum(file.Content)
	}
	for _, name := range unitNames() {
		f.Units[name] = Unit{"loaded", "active", "enabled"}
	}
	return f
}

func newBinary(content string) Binary {
	return Binary{Path: "unidesk-agent", Content: []byte(content), SHA256: sum([]byte(content))}
}

func TestThePlanNamesWhatWouldChange(t *testing.T) {
	t.Parallel()
	b := newBinary("new")
	for name, c := range map[string]struct {
		facts Facts
		want  []string
	}{
		"a bare host gets all": {bare(), []string{
			"/usr/bin/unidesk-agent", "/usr/lib/sysusers.d/unidesk-agent.conf", "/usr/lib/tmpfiles.d/unidesk-agent.conf",
			"/usr/lib/systemd/system/unidesk-agent.socket", "/usr/lib/systemd/system/unidesk-agent.service", "/etc/unidesk/agent.yaml",
			"group unidesk-agent", "ubuntu in group unidesk-agent", "unidesk-agent.socket enabled", "unidesk-agent.service enabled", "unidesk-agent.service running",
		}},
		"a second run changes nothing": {furnished(b), nil},
		"a new binary restarts the agent": {furnished(newBinary("old")), []string{
			"/usr/bin/unidesk-agent", "unidesk-agent.service running",
		}},
		"root needs no group": {with(furnished(b), func(f *Facts) { f.UID, f.Account, f.Member = 0, "root", false }), nil},
		"an edited unit is put right": {with(furnished(b), func(f *Facts) { f.Files["/usr/lib/systemd/system/unidesk-agent.socket"] = sum(nil) }), []string{
			"/usr/lib/systemd/system/unidesk-agent.socket", "unidesk-agent.service running",
		}},
		"a stopped agent is started": {with(furnished(b), func(f *Facts) {
			f.Units["unidesk-agent.service"] = Unit{"loaded", "inactive", "enabled"}
		}), []string{"unidesk-agent.service running"}},
		"the cluster's come last, and restart the agent by themselves": {with(furnished(b), func(f *Facts) {
			f.Cluster = []Act{{"role a/b", false}, {"token", true}, {"unidesk-agent.service restarted", true}}
		}), []string{"token", "unidesk-agent.service restarted"}},
		"a disabled socket is enabled": {with(furnished(b), func(f *Facts) {
			f.Units["unidesk-agent.socket"] = Unit{"loaded", "active", "disabled"}
		}), []string{"unidesk-agent.socket enabled"}},
		"a group that is not there is made, and the agent runs on": {with(furnished(b), func(f *Facts) { f.Group, f.Member = false, false }), []string{
			"group unidesk-agent", "ubuntu in group unidesk-agent",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, err := NewPlan(c.facts, b, packaging.Files())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range plan.Acts {
				if a.Changed {
					got = append(got, a.Target)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if plan.Upload != (c.facts.Files[agentPath] != b.SHA256) {
				t.Errorf("upload is %t", plan.Upload)
			}
		})
	}
}

func with(f Facts, change func(*Facts)) Facts {
	f.Files, f.Units, f.Free = maps.Clone(f.Files), maps.Clone(f.Units), maps.Clone(f.Free)
	change(&f)
	return f
}

func TestAnUnfitHostIsRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Facts)
		reason fault.Reason
		text   string
	}{
		"an unknown architecture":   {func(f *Facts) { f.Machine = "riscv64" }, fault.Unsupported, "riscv64"},
		"no systemd":                {func(f *Facts) { f.Systemd = false }, fault.Unsupported, "systemd"},
		"no tar":                    {func(f *Facts) { f.Missing = []string{"tar"} }, fault.Unsupported, "tar"},
		"an agent of a package":     {func(f *Facts) { f.Package = "unidesk-agent" }, fault.Unsupported, "unidesk-agent"},
		"no sudo":                   {func(f *Facts) { f.Sudo = "missing" }, fault.RoleMissing, "sudo"},
		"a sudo that asks":          {func(f *Facts) { f.Sudo = "no" }, fault.RoleMissing, "password"},
		"an account like an option": {func(f *Facts) { f.Account = "-G" }, fault.Unsupported, "-G"},
		"a link in the way":         {func(f *Facts) { f.Files[agentPath] = fileOther }, fault.PathRefused, agentPath},
		"a full disk":               {func(f *Facts) { f.Free["/usr/bin"] = 4096 }, fault.DiskFull, "/usr/bin"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := with(bare(), c.change)
			err := f.Fit()
			if err == nil {
				_, err = NewPlan(f, newBinary("new"), packaging.Files())
			}
			if fault.ReasonOf(err) != c.reason || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v", err)
			}
		})
	}
	if err := bare().Fit(); err != nil {
		t.Errorf("a fit host: %v", err)
	}
}

// What the scripts name stands in Go, too.
func TestTheScriptsNameTheFilesOfThePlan(t *testing.T) {
	t.Parallel()
	paths := []string{agentPath, configPath}
	for _, f := range packaging.Files() {
		paths = append(paths, f.Path)
	}
	for name, script := range map[string]string{"facts.sh": factsScript, "apply.sh": applyScript} {
		for _, path := range paths {
			if !strings.Contains(script, path) {
				t.Errorf("%s does not name %s", name, path)
			}
		}
	}
	if !strings.Contains(factsScript, registry.Unit) {
		t.Errorf("facts.sh does not name %s", registry.Unit)
	}
}

func TestTheScriptsAreShell(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"facts.sh", "apply.sh"} {
		if out, err := exec.CommandContext(t.Context(), "sh", "-n", name).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", name, out)
		}
		if _, err := exec.LookPath("shellcheck"); err != nil {
			continue
		}
		if out, err := exec.CommandContext(t.Context(), "shellcheck", "--shell=sh", name).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", name, out)
		}
	}
}

func TestFactsAreRead(t *testing.T) {
	t.Parallel()
	script, err := exec.CommandContext(t.Context(), "sh", "facts.sh").Output()
	if err != nil {
		t.Fatal(err)
	}
	// A start-up file of the account's shell may print before.
	f, err := parseFacts(append([]byte("Welcome!\npackage manager\n"), script...))
	if err != nil {
		t.Fatal(err)
	}
	if f.UID != os.Getuid() || f.Account == "" || f.Machine == "" || len(f.Files) != 11 || f.Free["/usr/bin"] <= 0 || f.Package != "" || len(f.Units) != 4 {
		t.Errorf("got %+v", f)
	}
	for name, out := range map[string]string{
		"nothing": "", "another program": "This account is currently not available.\n", "a cut answer": string(script[:len(script)-len("end\n")]),
	} {
		if _, err := parseFacts([]byte(out)); err == nil {
			t.Errorf("%s passes for facts", name)
		}
	}
}

// program is the head of a program for an architecture.
func program(t *testing.T, m elf.Machine) string {
	t.Helper()
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(m), Version: uint32(elf.EV_CURRENT), Ehsize: 64}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, h); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTheBinaryMustFitTheHost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	controller := put("both/unidesk-controller", "")
	intel := put("both/unidesk-agent", program(t, elf.EM_X86_64))
	arm := put("both/unidesk-agent-arm64", program(t, elf.EM_AARCH64))
	script := put("script", "#!/bin/sh\n")
	for name, c := range map[string]struct{ named, controller, uname, want string }{
		"beside the controller":              {"", controller, "x86_64", intel},
		"by its architecture's name":         {"", controller, "aarch64", arm},
		"the one that was named":             {intel, "/nowhere/unidesk-controller", "x86_64", intel},
		"named, for another architecture":    {intel, controller, "aarch64", ""},
		"named, and no program":              {script, controller, "x86_64", ""},
		"named, and not there":               {filepath.Join(dir, "none"), controller, "x86_64", ""},
		"nowhere":                            {"", filepath.Join(dir, "unidesk-controller"), "x86_64", ""},
		"a host that no agent is built for":  {"", controller, "mips", ""},
		"never another one than was built":   {"", put("intel/unidesk-controller", ""), "aarch64", ""},
		"beside, but of another architecure": {"", filepath.Dir(put("wrong/unidesk-agent", program(t, elf.EM_AARCH64))) + "/unidesk-controller", "x86_64", ""},
	} {
		b, err := FindBinary(c.named, c.controller, c.uname)
		if b.Path != c.want {
			t.Errorf("%s: got %s, %v", name, b.Path, err)
		}
		if c.want == "" && (fault.ReasonOf(err) != fault.Unsupported || c.uname != "mips" && !strings.Contains(fault.HintOf(err), "make agents")) {
			t.Errorf("%s: %v (%s)", name, err, fault.HintOf(err))
		}
	}
}

// unpack returns the files of a parcel, and its manifest.
func unpack(t *testing.T, parcel []byte) (files map[string]string, manifest string) {
	t.Helper()
	files = map[string]string{}
	r := tar.NewReader(bytes.NewReader(parcel))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			manifest = files["manifest"]
			delete(files, "manifest")
			return files, manifest
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(content)
	}
}

func TestTheParcelIsWholeAndNamesEachHash(t *testing.T) {
	t.Parallel()
	p := parcel{act: actApply, account: "ubuntu", sha256: sum([]byte("agent")), config: []byte("version: 1\n"), files: packaging.Files(), agent: []byte("agent")}
	got, manifest := unpack(t, p.pack())
	if len(got) != 9 || sum([]byte(got["root/usr/bin/unidesk-agent"])) != p.sha256 {
		t.Errorf("got %v", got)
	}
	for name, content := range got {
		if !strings.Contains(manifest, sum([]byte(content))+"  "+name+"\n") {
			t.Errorf("the manifest does not name %s", name)
		}
	}
}

func TestTheFirstConfigurationIsOneThatTheAgentReads(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	registry := FirstConfig{Registry: "http://127.0.0.1:5000", RegistryRoots: []string{"/home/ubuntu/.unidesk"}}
	for name, c := range map[string]struct {
		config FirstConfig
		want   agent.Config
	}{
		"on the host of the registry": {registry, agent.Config{Registry: registry.Registry, RegistryRoots: registry.RegistryRoots}},
		"on any other":                {FirstConfig{}, agent.Config{}},
	} {
		got, err := agent.Load(bytes.NewReader(c.config.render(me.Username)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// What `host placement` prints is for this version.
		if got.Version != 2 || got.Registry != c.want.Registry || !slices.Equal(got.RegistryRoots, c.want.RegistryRoots) || got.Docker != "/run/docker.sock" {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	if got, err := agent.Load(bytes.NewReader(registry.render("games"))); err != nil || !slices.Equal(got.Roles.Admin, []string{"games"}) {
		t.Errorf("admins are %q, %v", got.Roles.Admin, err)
	}
}

// The configuration has the placement as comments: only a person knows a project's folder.
func TestTheFirstConfigurationPlacesServicesOnceItIsFilledIn(t *testing.T) {
	t.Parallel()
	c := FirstConfig{
		Registry: "http://127.0.0.1:5000",
		Placement: `projects:
  wiki:
    root: /FILL-IN # the folder
    files: [docker-compose.yml]
    envFile: /FILL-IN # the env file
    services:
      wiki: {container: wiki-1, image: wiki, keyPrefix: UNIDESK_WIKI_DEPLOY_, probe: {port: 80, path: /health}}
`,
	}
	written := string(c.render("root"))
	if got, err := agent.Load(strings.NewReader(written)); err != nil || len(got.Projects) > 0 {
		t.Errorf("as it is written it places %v, %v", got.Projects, err)
	}
	head, rest, _ := strings.Cut(written, "# projects:\n")
	filled := head + "projects:\n" + strings.ReplaceAll(strings.ReplaceAll("\n"+rest, "\n# ", "\n"), "/FILL-IN", "/srv/wiki")
	got, err := agent.Load(strings.NewReader(filled))
	if err != nil || got.Projects["wiki"].Root != "/srv/wiki" || got.Projects["wiki"].EnvFile != "/srv/wiki" {
		t.Fatalf("%+v, %v\n%s", got.Projects, err, filled)
	}
	specs, err := got.Projects["wiki"].Services.Specs("wiki")
	if err != nil || len(specs) != 1 || specs[0].Display() != "wiki-1" {
		t.Errorf("%+v, %v", specs, err)
	}
	if none := string(FirstConfig{}.render("root")); strings.Contains(none, "projects") {
		t.Errorf("a host without services: %s", none)
	}
}

func TestTheScriptsCodesHaveReasons(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]fault.Reason{74: fault.DiskFull, 70: fault.UnitFailed, 68: fault.KubernetesUnavailable, 77: fault.RoleMissing, 75: fault.Busy, 1: fault.Internal} {
		err := explain(fault.New(fault.Internal, "on D601: %w", &tunnel.ExitError{Code: code, Said: "why"}))
		if fault.ReasonOf(err) != want || !strings.Contains(err.Error(), "why") {
			t.Errorf("%d: %s, %v", code, fault.ReasonOf(err), err)
		}
	}
}

// The agent's unit writes to a home and to no folder that a person may have chosen.
func TestAFolderThatTheAgentsUnitCannotWriteToIsLeftToAPerson(t *testing.T) {
	t.Parallel()
	c := FirstConfig{RegistryRoots: []string{"/home/ubuntu/.unidesk", "/home/ubuntux", "/srv", "/home/ubuntu"}}
	list := c.toDo(Facts{})
	if len(list) != 2 || !strings.Contains(list[0], "ReadWritePaths=/home/ubuntux ") || !strings.Contains(list[1], "ReadWritePaths=/srv ") ||
		!strings.Contains(list[1], "the agent does not start with a missing one") {
		t.Errorf("%q", list)
	}
	if list := (FirstConfig{}).toDo(Facts{K3s: true}); len(list) > 0 {
		t.Errorf("of a host without a registry: %q", list)
	}
	host := Host{
		Shell: func(context.Context, []string, []byte) ([]byte, error) {
			return []byte("unidesk-host-facts/1\nmachine x86_64\nuid 0\naccount root\nsystemd yes\nsudo root\nend\n"), nil
		},
		Binary: func(string) (Binary, error) { return newBinary("x"), nil }, Config: c,
	}
	if r := host.Run(t.Context(), true); len(r.ToDo) != 2 {
		t.Errorf("a dry run: %+v, %+v", r, r.Failure)
	}
}

func TestTheFirstConfigurationPlacesTheCluster(t *testing.T) {
	t.Parallel()
	written := string(FirstConfig{Registry: "http://127.0.0.1:5000", Placement: `kubernetes:
  namespaces:
    wiki:
      services:
        wiki:
          keyPrefix: UNIDESK_DEPLOY_
          deployments: [{name: wiki, container: wiki}]
`}.render("root"))
	head, rest, _ := strings.Cut(written, "# kubernetes:\n")
	got, err := agent.Load(strings.NewReader(head + "kubernetes:\n" + strings.ReplaceAll("\n"+rest, "\n# ", "\n")))
	if err != nil || got.Kubernetes == nil || len(got.Kubernetes.Namespaces["wiki"].Services) != 1 {
		t.Errorf("%+v, %v\n%s", got.Kubernetes, err, written)
	}
}

// k3s is found by its own file, or by a kubectl beside its kubeconfig.
func TestK3sIsFound(t *testing.T) {
	t.Parallel()
	begin, end := strings.Index(factsScript, "has() {"), strings.Index(factsScript, "\necho unidesk-host-facts/1")
	for name, c := range map[string]struct {
		make []string
		want string
	}{
		"a host without it":           {nil, "no"},
		"a host with its program":     {[]string{"usr/local/bin/k3s"}, "yes"},
		"a host with a kubectl alone": {[]string{"bin/kubectl"}, "no"},
		"a host with a kubeconfig":    {[]string{"etc/rancher/k3s/k3s.yaml"}, "no"},
		"a host with both of them":    {[]string{"bin/kubectl", "etc/rancher/k3s/k3s.yaml"}, "yes"},
	} {
		dir := t.TempDir()
		for _, path := range c.make {
			path = filepath.Join(dir, path)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o755)); err != nil {
				t.Fatal(err)
			}
		}
		script := strings.NewReplacer("/usr/local/bin/k3s", dir+"/usr/local/bin/k3s", "/etc/rancher", dir+"/etc/rancher").Replace(factsScript[begin:end])
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", script+"\nyes_no k3s")
		cmd.Env = []string{"PATH=" + dir + "/bin"}
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != c.want+"\n" {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
}
