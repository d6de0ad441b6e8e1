package agent

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

func gidOf(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Gid
}

// fakeEngine serves an engine's API on a unix socket: handler knows paths without
// the version.
func fakeEngine(t *testing.T, handler func(w http.ResponseWriter, r *http.Request, name string)) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		if r.URL.Path != "/_ping" {
			handler(w, r, filepath.Base(r.URL.Path))
		}
	}))
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return path
}

func TestFactsAreReadAndWhatCannotBeIsLeftOut(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	answers := map[string]string{
		"version": `{"Version":"20.10.24","ApiVersion":"1.41"}`,
		"info":    `{"DockerRootDir":"` + root + `"}`,
	}
	answering := fakeEngine(t, func(w http.ResponseWriter, _ *http.Request, name string) { _, _ = io.WriteString(w, answers[name]) })
	mute := fakeEngine(t, func(w http.ResponseWriter, r *http.Request, name string) {
		if name != "version" {
			<-r.Context().Done()
		}
		_, _ = io.WriteString(w, answers["version"])
	})
	broken := fakeEngine(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		http.Error(w, `{"Version":"x"}`, http.StatusInternalServerError)
	})
	full := &rpc.Engine{Version: "20.10.24", APIVersion: "1.41"}
	for name, c := range map[string]struct {
		f      *facts
		engine *rpc.Engine
		disks  []rpc.DiskPurpose
	}{
		"all":              {&facts{docker: answering, state: root}, full, []rpc.DiskPurpose{rpc.DiskState, rpc.DiskEngine}},
		"no engine":        {&facts{state: root}, nil, []rpc.DiskPurpose{rpc.DiskState}},
		"no socket":        {&facts{docker: root + "/none", state: root}, nil, []rpc.DiskPurpose{rpc.DiskState}},
		"a broken engine":  {&facts{docker: broken}, nil, nil},
		"an engine's half": {&facts{docker: mute, state: root + "/none"}, full, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			d, err := c.f.Describe(withCaller(t.Context(), caller{uid: 7, role: rpc.RoleOperate}))
			if err != nil {
				t.Fatal(err)
			}
			var disks []rpc.DiskPurpose
			for _, disk := range d.Disks {
				disks = append(disks, disk.Purpose)
				if disk.Total == 0 || disk.Free > disk.Total {
					t.Errorf("disk %+v", disk)
				}
			}
			if diff := cmp.Diff(c.engine, d.Engine) + cmp.Diff(c.disks, disks); diff != "" {
				t.Error(diff)
			}
			if d.CallerUID != 7 || d.CallerRole != rpc.RoleOperate || d.Hostname == "" || d.Platform.OS != "linux" || d.Time.Before(began) || d.Time.After(time.Now()) {
				t.Errorf("description %+v", d)
			}
		})
	}
}

func TestACallWithoutPeerCredentialsHasNoRole(t *testing.T) {
	t.Parallel()
	if c := callerOf(t.Context()); c.role != rpc.RoleNone || c.uid == 0 {
		t.Errorf("%+v", c)
	}
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	if _, err := socketUID(near); err == nil {
		t.Error("a pipe has an account")
	}
}
