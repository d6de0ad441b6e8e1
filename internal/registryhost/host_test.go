package registryhost

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// settings are of a registry in a fresh root, at an endpoint without a listener.
func settings(t *testing.T) (root string, s registry.Settings) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	check(t, err)
	root, s = filepath.Join(dir, "root"), registry.Defaults()
	s.Directory, s.Storage = root+"/registry", root+"/storage"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	s.Endpoint = l.Addr().(*net.TCPAddr).AddrPort()
	check(t, l.Close())
	return root, s
}

// mute accepts and sends nothing.
func mute(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestWhatIsThereIsSeenAndWhatIsNotSaysWhy(t *testing.T) {
	t.Parallel()
	root, s := settings(t)
	elsewhere := t.TempDir()
	check(t, os.MkdirAll(s.Directory, 0o700))
	check(t, os.Symlink(elsewhere, s.Storage))
	check(t, os.WriteFile(s.Directory+"/config.yml", []byte("x"), 0o600))
	check(t, os.Mkdir(s.Directory+"/compose.yml", 0o700))
	h := New([]string{root}, "unix://"+root+"/none.sock")
	began := time.Now()
	f, err := h.Inspect(t.Context(), s)
	check(t, err)
	want := map[registry.FileName]registry.FileFacts{
		registry.ConfigFile:  {Path: s.Directory + "/config.yml", State: registry.Regular, Hash: artifact.DigestOf([]byte("x")), Changed: f.Files[registry.ConfigFile].Changed},
		registry.ComposeFile: {Path: s.Directory + "/compose.yml", State: registry.Other},
		registry.UnitFile:    f.Files[registry.UnitFile], // the machine's own
	}
	if diff := cmp.Diff(want, f.Files, cmp.Comparer(func(a, b artifact.Digest) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if f.Files[registry.UnitFile].State == "" || f.Files[registry.UnitFile].Path != "/etc/systemd/system/"+registry.Unit {
		t.Errorf("unit: %+v", f.Files[registry.UnitFile])
	}
	var st unix.Stat_t
	check(t, unix.Stat(s.Directory+"/config.yml", &st))
	if changed := f.Files[registry.ConfigFile].Changed; !changed.Equal(time.Unix(st.Ctim.Unix())) {
		t.Errorf("the config changed at %v", changed)
	}
	if f.Engine != nil || f.Container != nil || len(f.Listeners) > 0 || f.Storage.Exists || f.API.Error != "connection refused" || f.At.Before(began) || f.At.After(time.Now()) {
		t.Errorf("%+v", f)
	}
	for _, part := range []string{"engine: ", "storage: "} {
		if !strings.Contains(strings.Join(f.Unread, "\n"), part) {
			t.Errorf("unread lacks %q: %q", part, f.Unread)
		}
	}
	check(t, os.Remove(s.Storage))
	check(t, os.Mkdir(s.Storage, 0o700))
	l := mute(t, "tcp", s.Endpoint.String())
	if f, err = h.Inspect(t.Context(), s); err != nil || !f.Storage.Exists || f.Storage.Free <= 0 || !f.API.TimedOut || f.API.Status != 0 {
		t.Errorf("%+v, %v", f, err)
	}
	if diff := cmp.Diff([]string{l.Addr().String()}, texts(f.Listeners)); diff != "" {
		t.Error(diff)
	}
}

func texts(list []netip.AddrPort) (out []string) {
	for _, a := range list {
		out = append(out, a.String())
	}
	return out
}

func TestOnlyWhatTheHostAllowsIsActedOn(t *testing.T) {
	t.Parallel()
	root, s := settings(t)
	h := New([]string{root}, "unix:///none")
	outside, broken := s, s
	outside.Storage, broken.Image = "/srv/elsewhere", "registry"
	for name, c := range map[string]struct {
		s    registry.Settings
		want fault.Reason
	}{"outside": {outside, fault.PathRefused}, "broken": {broken, fault.InvalidRequest}} {
		_, inspect := h.Inspect(t.Context(), c.s)
		_, install := h.Install(t.Context(), c.s, nil, nil)
		if fault.ReasonOf(inspect) != c.want || fault.ReasonOf(install) != c.want {
			t.Errorf("%s: %v; %v", name, inspect, install)
		}
	}
	ctx := t.Context()
	for _, unit := range []string{"ssh.service", "", registry.Unit + "x"} {
		_, enable := h.Enable(ctx, unit)
		for act, err := range map[string]error{
			"enable": enable, "disable": h.Disable(ctx, unit), "restart": h.Restart(ctx, unit), "stop": h.Stop(ctx, unit),
		} {
			if fault.ReasonOf(err) != fault.Internal {
				t.Errorf("%s %q: %v", act, unit, err)
			}
		}
	}
	for _, name := range []string{
		"/etc/systemd/system", "/etc/systemd/system/ssh.service", "/etc/systemd/system/" + registry.Unit + "x",
		"/etc/systemd/system/x/" + registry.Unit, "/etc/systemd/system/" + registry.Unit + ".d/x", "/etc/passwd",
	} {
		_, read := h.ReadFile(ctx, name)
		_, made := h.MakeFolder(ctx, name)
		for act, err := range map[string]error{
			"read": read, "make": made, "write": h.WriteFile(ctx, name, nil), "remove": h.RemoveFile(ctx, name),
		} {
			if fault.ReasonOf(err) != fault.PathRefused {
				t.Errorf("%s %q: %v", act, name, err)
			}
		}
	}
	for name, want := range map[string]bool{
		"/etc/systemd/system/" + registry.Unit: true, "/etc/systemd/system/" + registry.Unit + ".kept-0123456789ab": true,
		root + "/registry/config.yml": true,
	} {
		if err := ours(name); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAPartThatIsStuckDoesNotHoldUpTheRest(t *testing.T) {
	t.Parallel()
	root, s := settings(t)
	h := New([]string{root}, "unix:///none")
	stuck := make(chan struct{})
	defer func() {
		close(stuck)
		h.reads <- struct{}{} // for the token that is taken out below
	}()
	deaf := part{"disk", 50 * time.Millisecond, func(context.Context) (func(*registry.Facts), error) {
		<-stuck
		return nil, nil
	}}
	for range maxReads {
		begin(t.Context(), h.reads, deaf)
	}
	if o := begin(t.Context(), h.reads, deaf)(); o.err == nil || !strings.Contains(o.err.Error(), "too many") {
		t.Errorf("one too many: %+v", o)
	}
	<-h.reads
	if o := begin(t.Context(), h.reads, deaf)(); o.err == nil || !strings.Contains(o.err.Error(), "not read within 50ms") {
		t.Errorf("stuck: %+v", o)
	}
	f, err := h.Inspect(t.Context(), s)
	if err != nil || len(f.Unread) != len(h.parts(s)) || !slices.Equal(f.Unseen, registry.Parts()) {
		t.Errorf("%+v, %v", f, err)
	}
	for _, name := range registry.FileNames() { // what could not be read is not absent
		if f.Files[name].State != registry.Unreadable || f.Files[name].Path == "" {
			t.Errorf("%s: %+v", name, f.Files[name])
		}
	}
	// An installation looks with reads of its own.
	if f, err := (installer{h}).Inspect(t.Context(), s); err != nil || len(f.Unread) >= len(h.parts(s)) || len(f.Files) == 0 {
		t.Errorf("an installation: %+v, %v", f, err)
	}
}

func TestAnInstallationEndsWithItsContextAndSaysWhy(t *testing.T) {
	t.Parallel()
	root, s := settings(t)
	check(t, os.Mkdir(root, 0o700))
	engine := mute(t, "unix", root+"/engine.sock")
	h := New([]string{root}, "unix://"+engine.Addr().String())
	ctx, end := context.WithCancelCause(t.Context())
	go func() {
		if conn, err := engine.Accept(); err == nil { // it waits for the engine
			defer conn.Close()
			end(fault.Transient(fault.Busy, "the agent is being stopped"))
			<-ctx.Done()
		}
	}()
	_, err := h.Install(ctx, s, registry.Render(s).Hashes(), func(registry.Progress) {})
	if fault.ReasonOf(err) != fault.Busy || !strings.Contains(err.Error(), "being stopped") {
		t.Errorf("it ended with %v", err)
	}
}

func TestTheAPIIsAskedAtItsAddressAndNoOther(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("followed") }))
	defer elsewhere.Close()
	asked, yes, no := make(chan string, 10), true, false
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			asked <- r.Method + " " + r.URL.Path
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(code)
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    registry.APIFacts
	}{
		"well": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
			status(200)(w, r)
		}, registry.APIFacts{Status: 200, Registry: &yes}},
		"a registry that refuses": {func(w http.ResponseWriter, r *http.Request) {
			status(403)(w, r)
			_, _ = w.Write([]byte(`{"errors":[{"code":"DENIED"}]}`))
		}, registry.APIFacts{Status: 403, Registry: &yes}},
		"another program": {status(200), registry.APIFacts{Status: 200, Registry: &no}},
		"closed":          {status(401), registry.APIFacts{Status: 401, Registry: &no}},
		"redirected":      {status(307), registry.APIFacts{Status: 307, Registry: &no}},
		"mute": {func(_ http.ResponseWriter, r *http.Request) {
			asked <- "GET /v2/"
			<-r.Context().Done()
		}, registry.APIFacts{Error: "no answer in time", TimedOut: true}},
		"gone": {func(http.ResponseWriter, *http.Request) {
			asked <- "GET /v2/"
			panic(http.ErrAbortHandler)
		}, registry.APIFacts{Error: "connection closed without an answer"}},
	} {
		server := httptest.NewServer(c.handler)
		got := ask(t.Context(), server.Listener.Addr().(*net.TCPAddr).AddrPort(), 300*time.Millisecond)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if what := <-asked; what != "GET /v2/" {
			t.Errorf("%s: asked %s", name, what)
		}
		server.Close()
	}
	words := mute(t, "tcp", "127.0.0.1:0")
	go func() {
		if c, err := words.Accept(); err == nil {
			_, _ = c.Write([]byte("SSH-2.0-x\r\n"))
			_ = c.Close()
		}
	}()
	if got := ask(t.Context(), words.Addr().(*net.TCPAddr).AddrPort(), time.Second); got.Status != 0 || got.Error != "the answer is not HTTP" {
		t.Errorf("not HTTP: %+v", got)
	}
}

func TestListenersAreReadFromTheKernelsTables(t *testing.T) {
	t.Parallel()
	const header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	const rest = " 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n"
	dir := t.TempDir()
	check(t, os.Mkdir(dir+"/net", 0o700))
	check(t, os.WriteFile(dir+"/net/tcp", []byte(header+
		"   0: 0100007F:1388 00000000:0000 0A"+rest+ // 127.0.0.1:5000 listens
		"   1: 00000000:1388 00000000:0000 0A"+rest+ // so does 0.0.0.0:5000
		"   2: 0200007F:1388 0100007F:9999 01"+rest+ // a connection
		"   3: 0300007F:1388 0100007F:9999 06"+rest+ // it has ended
		"   4: 0100007F:1389 00000000:0000 0A"+rest), // another port
		0o600))
	check(t, os.WriteFile(dir+"/net/tcp6", []byte(header+
		"   0: 00000000000000000000000000000000:1388 00000000000000000000000000000000:0000 0A"+rest+
		"   1: 00000000000000000000000001000000:1388 00000000000000000000000000000000:0000 0A"+rest+
		"   2: 0000000000000000FFFF00000100007F:1388 00000000000000000000000000000000:0000 0A"+rest+ // 127.0.0.1 again
		"   3: 0000000000000000FFFF00000200000A:1388 00000000000000000000000000000000:0000 0A"+rest+
		"   4: B80D0120000000000000000001000000:1388 00000000000000000000000000000000:0000 0A"+rest), 0o600))
	got, err := listeners(dir, 5000)
	want := []string{"0.0.0.0:5000", "10.0.0.2:5000", "127.0.0.1:5000", "[::]:5000", "[::1]:5000", "[2001:db8::1]:5000"}
	if diff := cmp.Diff(want, texts(got)); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	check(t, os.Remove(dir+"/net/tcp6"))
	if got, err := listeners(dir, 5001); err != nil || len(got) != 1 {
		t.Errorf("without IPv6: %v, %v", got, err)
	}
	check(t, os.WriteFile(dir+"/net/tcp", []byte(header+"nonsense\n"), 0o600))
	if _, err := listeners(dir, 5000); err == nil {
		t.Error("a table that cannot be read is an empty one")
	}
}

func TestListenersOfThisKernelAreSeen(t *testing.T) {
	t.Parallel()
	l := mute(t, "tcp", "127.0.0.1:0")
	at := l.Addr().(*net.TCPAddr).AddrPort()
	c, err := net.Dial("tcp", at.String())
	check(t, err)
	defer c.Close()
	if got, err := listeners(procSelf, at.Port()); err != nil || len(got) != 1 || got[0] != at {
		t.Errorf("%v: %v, %v", at, got, err)
	}
	client := c.LocalAddr().(*net.TCPAddr).AddrPort()
	if got, err := listeners(procSelf, client.Port()); err != nil || len(got) > 0 {
		t.Errorf("a connection listens: %v, %v", got, err)
	}
	// An IPv4 address as IPv6 has it.
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no IPv6: %v", err)
	}
	defer func() { _ = unix.Close(fd) }()
	check(t, unix.Bind(fd, &unix.SockaddrInet6{Addr: netip.MustParseAddr("::ffff:127.0.0.3").As16()}))
	check(t, unix.Listen(fd, 1))
	name, err := unix.Getsockname(fd)
	check(t, err)
	port := uint16(name.(*unix.SockaddrInet6).Port)
	if got, err := listeners(procSelf, port); err != nil || len(got) != 1 || got[0].Addr().String() != "127.0.0.3" {
		t.Errorf("mapped: %v, %v", got, err)
	}
}
