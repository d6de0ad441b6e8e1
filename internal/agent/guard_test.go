package agent

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/emptypb"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

// nobodys is the role of a method that is not there.
const nobodys rpc.Role = "nobody"

// contract is what each method needs. A method that is not here fails the tests.
var contract = map[string]rpc.Role{
	"/unidesk.artifact.v1.HostService/Describe":                               rpc.RoleRead,
	"/unidesk.artifact.v1.ImageService/List":                                  rpc.RoleRead,
	"/unidesk.artifact.v1.ImageService/Resolve":                               rpc.RoleRead,
	"/unidesk.artifact.v1.ImageService/Stream":                                rpc.RoleRead,
	"/unidesk.artifact.v1.ImageService/PlanTransfer":                          rpc.RoleRead,
	"/unidesk.artifact.v1.WorkloadService/Observe":                            rpc.RoleRead,
	"/unidesk.artifact.v1.WorkloadService/ListNeighbours":                     rpc.RoleRead,
	"/unidesk.artifact.v1.WorkloadService/FindImage":                          rpc.RoleRead,
	"/unidesk.artifact.v1.WorkloadService/Logs":                               rpc.RoleRead,
	"/unidesk.artifact.v1.WorkloadService/Stage":                              rpc.RoleOperate,
	"/unidesk.artifact.v1.WorkloadService/Switch":                             rpc.RoleOperate,
	"/unidesk.artifact.v1.WorkloadService/Renew":                              rpc.RoleOperate,
	"/unidesk.artifact.v1.WorkloadService/Settle":                             rpc.RoleOperate,
	"/unidesk.artifact.v1.RegistryService/Inspect":                            rpc.RoleRead,
	"/unidesk.artifact.v1.RegistryService/Install":                            rpc.RoleAdmin,
	"/grpc.health.v1.Health/Check":                                            rpc.RoleRead,
	"/grpc.health.v1.Health/List":                                             rpc.RoleRead,
	"/grpc.health.v1.Health/Watch":                                            rpc.RoleRead,
	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo":               rpc.RoleRead,
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo":          rpc.RoleRead,
	"/unidesk.artifact.v1.HostService/NoSuchMethod":                           nobodys,
	"/of.another.Service/Method":                                              nobodys,
	"/grpc.channelz.v1.Channelz/GetServers":                                   nobodys,
	"/unidesk.artifact.v1.HostService/describe":                               nobodys,
	"/unidesk.artifact.v1.HostServiceDescribe":                                nobodys,
	"/unidesk.artifact.v1.ImageService/Stream/../../unidesk.artifact.v1/List": nobodys,
}

var rolesInOrder = []rpc.Role{rpc.RoleNone, rpc.RoleRead, rpc.RoleOperate, rpc.RoleAdmin}

func may(have, need rpc.Role) bool {
	rank := map[rpc.Role]int{rpc.RoleNone: 0, rpc.RoleRead: 1, rpc.RoleOperate: 2, rpc.RoleAdmin: 3, nobodys: 9}
	return rank[have] >= rank[need]
}

// everything is each service of the contract and of gRPC's own that this binary knows.
func everything() map[string]grpc.ServiceInfo {
	all := map[string]grpc.ServiceInfo{}
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			service := f.Services().Get(i)
			if name := string(service.FullName()); !strings.HasPrefix(name, "unidesk.") && !strings.HasPrefix(name, "grpc.") {
				continue // the agent is a client of the container runtime's, too
			}
			var info grpc.ServiceInfo
			for j := range service.Methods().Len() {
				info.Methods = append(info.Methods, grpc.MethodInfo{Name: string(service.Methods().Get(j).Name())})
			}
			all[string(service.FullName())] = info
		}
		return true
	})
	return all
}

// TestEveryMethodByEveryRole calls each method of a whole agent on its socket, as accounts
// that the kernel distinguishes.
func TestEveryMethodByEveryRole(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("connects as other accounts, which root can")
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "run", "agent.sock")
	a, err := New(Config{
		Version: 1, Socket: socket, State: dir, Docker: filepath.Join(dir, "docker.sock"), Registry: "http://127.0.0.1:1", RegistryRoots: []string{filepath.Join(dir, "root")},
		Projects: map[string]Project{"p": {Root: dir, Files: []string{"docker-compose.yml"}, EnvFile: filepath.Join(dir, "env"), Services: placement.Services{"sample": nil}}},
		Roles:    Roles{Read: []string{"4001"}, Operate: []string{"4002"}, Admin: []string{"4003"}},
	}, "1", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(socket, 0o666); err != nil { // the guard alone stands in the way
		t.Fatal(err)
	}
	for up := filepath.Dir(socket); up != os.TempDir(); up = filepath.Dir(up) {
		if err := os.Chmod(up, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	served := a.server.GetServiceInfo()
	for service, info := range everything() {
		if _, ok := served[service]; !ok && strings.HasPrefix(service, "unidesk.") {
			t.Errorf("%s is not served by this test's agent", service)
		}
		served[service] = info
	}
	for service, info := range served {
		for _, m := range info.Methods {
			if _, ok := contract["/"+service+"/"+m.Name]; !ok {
				t.Errorf("/%s/%s is not in this test's table", service, m.Name)
			}
		}
	}
	for _, who := range []struct {
		uid  int
		role rpc.Role
	}{{65534, rpc.RoleNone}, {4711, rpc.RoleNone}, {4001, rpc.RoleRead}, {4002, rpc.RoleOperate}, {4003, rpc.RoleAdmin}, {0, rpc.RoleAdmin}} {
		conn := connect(t, socket, grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return DialAs(t, who.uid, socket) }))
		for method, need := range contract {
			err := call(t, conn, method)
			switch code := status.Code(err); {
			case need == nobodys && who.role != rpc.RoleNone:
				if code != codes.Unimplemented {
					t.Errorf("%s, which is not there, by uid %d: %v", method, who.uid, err)
				}
			case !may(who.role, need):
				if code != codes.PermissionDenied {
					t.Errorf("%s by uid %d, which has the role %q: %v", method, who.uid, who.role, err)
				}
			case code == codes.PermissionDenied, code == codes.Unimplemented, code == codes.Unavailable, code == codes.DeadlineExceeded:
				t.Errorf("%s does not let uid %d, which has the role %q, to its handler: %v", method, who.uid, who.role, err)
			}
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestEveryMethodOfTheContractNamesARole(t *testing.T) {
	t.Parallel()
	for service, info := range everything() {
		for _, m := range info.Methods {
			if roleOption(service, m.Name) == artifactv1.Role_ROLE_UNSPECIFIED {
				t.Errorf("%s.%s names no role, so nobody may call it", service, m.Name)
			}
		}
	}
}

// counting is every handler of ours; it only counts.
type counting struct {
	calls atomic.Int64
	blob  func() io.Reader
}

func (c *counting) Describe(context.Context) (rpc.Description, error) {
	c.calls.Add(1)
	return rpc.Description{}, nil
}

func (c *counting) List(context.Context, artifact.Repository, int, string, func(string, artifact.Digest, error)) (string, error) {
	c.calls.Add(1)
	return "", nil
}

func (c *counting) Details(context.Context, artifact.Repository, artifact.Digest, artifact.Platform) (int64, time.Time, error) {
	c.calls.Add(1)
	return 0, time.Time{}, nil
}

func (c *counting) Resolve(context.Context, artifact.Repository, artifact.Commit, artifact.Platform) (artifact.Image, error) {
	c.calls.Add(1)
	return artifact.Image{}, nil
}

func (c *counting) Blob(context.Context, artifact.Repository, artifact.Digest, int64) (io.ReadCloser, error) {
	c.calls.Add(1)
	return io.NopCloser(c.blob()), nil
}

func (c *counting) Inspect(context.Context, registry.Settings) (registry.Facts, error) {
	c.calls.Add(1)
	return registry.Facts{}, nil
}

func (c *counting) Install(context.Context, registry.Settings, registry.Hashes, func(registry.Progress)) (registry.Installed, error) {
	c.calls.Add(1)
	return registry.Installed{}, nil
}

// serveAs serves c to a caller whose account has the role, whatever its real account.
func serveAs(t *testing.T, role rpc.Role, c *counting) (path string) {
	t.Helper()
	path, _ = serveWith(t, role, c)
	return path
}

// serveWith is serveAs, and returns the guard, too.
func serveWith(t *testing.T, role rpc.Role, c *counting) (path string, g *guard) {
	t.Helper()
	creds := peerCredentials{uid: func(net.Conn) (uint32, error) { return 4711, nil }, roles: roles{4711: role}}
	g = newGuard(slog.New(slog.DiscardHandler))
	s, _ := newServer(creds, g, c, c, nil, rpc.NewRegistry(c, g.log))
	path = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return path, g
}

func connect(t *testing.T, path string, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("unix://"+path, append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// call calls any method with an empty message and returns how that ended, or OK
// when an answer came.
func call(t *testing.T, conn *grpc.ClientConn, method string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	// A busy server may hang up on a connection that was long in coming.
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method, grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	if err := stream.SendMsg(&emptypb.Empty{}); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if err := stream.RecvMsg(&emptypb.Empty{}); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func TestTheServerRefusesWithoutReachingAHandler(t *testing.T) {
	t.Parallel()
	for _, role := range rolesInOrder {
		c := &counting{}
		conn := connect(t, serveAs(t, role, c))
		for method, need := range contract {
			before := c.calls.Load()
			err := call(t, conn, method)
			code := status.Code(err)
			served := need != nobodys && !strings.Contains(method, "WorkloadService")
			switch {
			case !served && role == rpc.RoleNone && code != codes.PermissionDenied:
				t.Errorf("%s without a role: %v", method, err)
			case !served && role != rpc.RoleNone && code != codes.Unimplemented:
				t.Errorf("%s by %q: %v", method, role, err)
			case served && may(role, need) == (code == codes.PermissionDenied):
				t.Errorf("%s by %q: %v", method, role, err)
			case code == codes.PermissionDenied && c.calls.Load() != before:
				t.Errorf("%s by %q reached its handler", method, role)
			}
		}
		if role == rpc.RoleNone && c.calls.Load() != 0 {
			t.Errorf("%d handlers were reached without a role", c.calls.Load())
		}
		if role == rpc.RoleRead && c.calls.Load() == 0 {
			t.Error("this test reaches no handler at all")
		}
	}
}

func TestAPanicIsAnErrorAndNotTheEnd(t *testing.T) {
	t.Parallel()
	var journal strings.Builder
	g := &guard{log: slog.New(slog.NewJSONHandler(&journal, nil)), sendLimit: time.Hour, need: map[string]artifactv1.Role{"/m": artifactv1.Role_ROLE_UNSPECIFIED + 1}}
	handler := func(context.Context, any) (any, error) { panic("at the disco") }
	ctx := withCaller(t.Context(), caller{role: rpc.RoleRead})
	_, err := g.unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: "/m"}, handler)
	if fault.ReasonOf(err) != fault.Internal || strings.Contains(err.Error(), "disco") {
		t.Errorf("unary: %v", err)
	}
	err = g.stream(nil, fakeStream{ctx}, &grpc.StreamServerInfo{FullMethod: "/m"}, func(any, grpc.ServerStream) error { panic("again") })
	if fault.ReasonOf(err) != fault.Internal {
		t.Errorf("stream: %v", err)
	}
	if !strings.Contains(journal.String(), "at the disco") || !strings.Contains(journal.String(), "guard_test.go") {
		t.Errorf("the log lacks the place: %s", journal.String())
	}
}

type fakeStream struct{ ctx context.Context } //nolint:containedctx // as gRPC's own streams do

func (f fakeStream) Context() context.Context { return f.ctx }

func (fakeStream) SetHeader(metadata.MD) error { return nil }

func (fakeStream) SendHeader(metadata.MD) error { return nil }

func (fakeStream) SetTrailer(metadata.MD) {}

func (fakeStream) SendMsg(any) error { return nil }

func (fakeStream) RecvMsg(any) error { return nil }

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
