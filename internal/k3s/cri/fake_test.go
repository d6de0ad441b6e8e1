package cri_test

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"math"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/api/services/images/v1"
	"github.com/containerd/containerd/api/services/introspection/v1"
	"github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/api/types"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/cri"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake answers what a real containerd cannot be made to answer. What is nil is not
// implemented.
type fake struct {
	runtimeapi.UnimplementedImageServiceServer
	runtimeapi.UnimplementedRuntimeServiceServer
	images.UnimplementedImagesServer
	introspection.UnimplementedIntrospectionServer

	status func(name string) (*runtimeapi.ImageStatusResponse, error)
	pull   func(context.Context) error
	// root is the snapshotter's folder, the first of disks the folder that CRI reports.
	root    string
	disks   []string
	version func(context.Context) error
	target  string
	labels  map[string]string
	deletes []error
	creates []error
	updates []error
}

func (f *fake) ImageStatus(_ context.Context, r *runtimeapi.ImageStatusRequest) (*runtimeapi.ImageStatusResponse, error) {
	return f.status(r.Image.Image)
}

func (f *fake) PullImage(ctx context.Context, _ *runtimeapi.PullImageRequest) (*runtimeapi.PullImageResponse, error) {
	return nil, f.pull(ctx)
}

func (f *fake) ImageFsInfo(context.Context, *runtimeapi.ImageFsInfoRequest) (*runtimeapi.ImageFsInfoResponse, error) {
	answer := &runtimeapi.ImageFsInfoResponse{}
	for _, dir := range f.disks {
		answer.ImageFilesystems = append(answer.ImageFilesystems, &runtimeapi.FilesystemUsage{FsId: &runtimeapi.FilesystemIdentifier{Mountpoint: dir}})
	}
	return answer, nil
}

func (f *fake) Version(ctx context.Context, _ *runtimeapi.VersionRequest) (*runtimeapi.VersionResponse, error) {
	return &runtimeapi.VersionResponse{RuntimeName: "a\x1b[2Jb", RuntimeVersion: strings.Repeat("1", 4000)}, f.version(ctx)
}

func (f *fake) Plugins(context.Context, *introspection.PluginsRequest) (*introspection.PluginsResponse, error) {
	return &introspection.PluginsResponse{Plugins: []*introspection.Plugin{{ID: "overlayfs", Exports: map[string]string{"root": cmp.Or(f.root, "/")}}}}, nil
}

func (f *fake) Get(_ context.Context, r *images.GetImageRequest) (*images.GetImageResponse, error) {
	return &images.GetImageResponse{Image: &images.Image{Name: r.Name, Target: &types.Descriptor{Digest: f.target}, Labels: f.labels}}, nil
}

func (f *fake) Create(context.Context, *images.CreateImageRequest) (*images.CreateImageResponse, error) {
	return &images.CreateImageResponse{}, next(&f.creates)
}

func (f *fake) Update(context.Context, *images.UpdateImageRequest) (*images.UpdateImageResponse, error) {
	return &images.UpdateImageResponse{}, next(&f.updates)
}

func (f *fake) Delete(context.Context, *images.DeleteImageRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, next(&f.deletes)
}

func next(errs *[]error) (err error) {
	if len(*errs) > 0 {
		err, *errs = (*errs)[0], (*errs)[1:]
	}
	return err
}

// serve is a store of a containerd that has the services which register registers.
func serve(t *testing.T, register func(*grpc.Server)) *cri.Store {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	register(server)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	s, err := cri.New(socket, "127.0.0.1:5000")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Close()
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func (f *fake) serve(t *testing.T) *cri.Store {
	return serve(t, func(s *grpc.Server) {
		runtimeapi.RegisterImageServiceServer(s, f)
		runtimeapi.RegisterRuntimeServiceServer(s, f)
		images.RegisterImagesServer(s, f)
		introspection.RegisterIntrospectionServer(s, f)
		snapshots.RegisterSnapshotsServer(s, snapshots.UnimplementedSnapshotsServer{})
	})
}

var config, manifest = artifact.DigestOf([]byte("config")), artifact.DigestOf([]byte("manifest"))

func pinned(t *testing.T) artifact.Pinned {
	t.Helper()
	repository, err := artifact.ParseRepository("unidesk/x")
	if err != nil {
		t.Fatal(err)
	}
	commit, err := artifact.ParseCommit(strings.Repeat("1", 40))
	if err != nil {
		t.Fatal(err)
	}
	return artifact.Pinned{Repository: repository, Commit: commit, Manifest: manifest, Config: config}
}

func statusOf(id, info string, pin bool, names ...string) *runtimeapi.ImageStatusResponse {
	return &runtimeapi.ImageStatusResponse{Image: &runtimeapi.Image{Id: id, RepoTags: names, Pinned: pin}, Info: map[string]string{"info": info}}
}

func absent(string) (*runtimeapi.ImageStatusResponse, error) {
	return &runtimeapi.ImageStatusResponse{}, nil
}

func want(t *testing.T, err error, reason fault.Reason, retry bool) {
	t.Helper()
	if err == nil || fault.ReasonOf(err) != reason || fault.Retryable(err) != retry || strings.ContainsAny(err.Error(), "\x1b\n") || len(err.Error()) > 1500 {
		t.Errorf("%s, retry %t: %v; want %s, %t", fault.ReasonOf(err), fault.Retryable(err), err, reason, retry)
	}
}

func TestAFailedPullIsToldByItsCode(t *testing.T) {
	t.Parallel()
	for code, then := range map[codes.Code]struct {
		reason fault.Reason
		retry  bool
	}{
		codes.NotFound:           {fault.ImageUnavailable, false},
		codes.Unauthenticated:    {fault.ImageUnavailable, false},
		codes.PermissionDenied:   {fault.ImageUnavailable, false},
		codes.Unknown:            {fault.ImageUnavailable, true},
		codes.Internal:           {fault.ImageUnavailable, true},
		codes.FailedPrecondition: {fault.DigestMismatch, false},
		codes.DataLoss:           {fault.DigestMismatch, false},
		codes.Unavailable:        {fault.EngineUnavailable, true},
		codes.DeadlineExceeded:   {fault.EngineUnavailable, true},
		codes.InvalidArgument:    {fault.EngineFailed, false},
		codes.ResourceExhausted:  {fault.EngineFailed, false},
		codes.Unimplemented:      {fault.CapabilityMissing, false},
	} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			// The words mean something else, and steer a terminal.
			f := &fake{disks: []string{"/"}, status: absent, pull: func(context.Context) error {
				return status.Error(code, "no space left on device: not found: \x1b[31m\n"+strings.Repeat("x", 1<<10))
			}}
			want(t, f.serve(t).Pull(t.Context(), pinned(t)), then.reason, then.retry)
		})
	}
}

func TestWhatCRISaysIsNotBelievedBlindly(t *testing.T) {
	t.Parallel()
	var answer *runtimeapi.ImageStatusResponse
	f := &fake{status: func(string) (*runtimeapi.ImageStatusResponse, error) { return answer, nil }}
	s := f.serve(t)
	for name, bad := range map[string]*runtimeapi.ImageStatusResponse{
		"an id that is no digest": statusOf("x\x1b[2J", `{}`, true),
		"no config":               statusOf(config.String(), "", true),
		"a config that is text":   statusOf(config.String(), "json: error\x1b[2J", true),
		"an answer without end":   statusOf(config.String(), `{"x":"`+strings.Repeat("x", 17<<20)+`"}`, true),
	} {
		t.Run(name, func(t *testing.T) {
			answer = bad
			_, there, err := s.Image(t.Context(), "127.0.0.1:5000/unidesk/x:1")
			if want(t, err, fault.EngineFailed, false); there {
				t.Error("there")
			}
		})
	}
	answer = statusOf(config.String(), `{"chainID":"c","imageSpec":{"config":{"Labels":{"a\u001b[2J":"b\nc","long":"`+strings.Repeat("x", 5000)+`","":"e"}}}}`, true, "n:2", "n:1")
	answer.Image.Size = math.MaxUint64
	answer.Image.RepoDigests = []string{"r@" + manifest.String(), "r2@" + manifest.String(), "r", "r@sha256:12", "r@" + config.String()}
	got, there, err := s.Image(t.Context(), "127.0.0.1:5000/unidesk/x:1")
	if err != nil || !there || got.Size != math.MaxInt64 || len(got.Manifests) != 2 || got.Names[0] != "n:1" ||
		len(got.Labels) != 2 || got.Labels["a?[2J"] != "b?c" || got.Labels[""] != "e" {
		t.Errorf("%+v, %t, %v", got, there, err)
	}
}

func TestANameThatCRIDoesNotLearnIsNotMade(t *testing.T) {
	t.Parallel()
	image := pinned(t)
	name := "127.0.0.1:5000/unidesk/x:" + image.Commit.String()
	known := statusOf(config.String(), "{}", false)
	for title, answer := range map[string]*runtimeapi.ImageStatusResponse{
		"never":            {},
		"without the pin":  statusOf(config.String(), "{}", false, name),
		"without the name": statusOf(config.String(), "{}", true),
		"of another image": statusOf(manifest.String(), "{}", true, name),
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			f := &fake{target: manifest.String(), status: func(asked string) (*runtimeapi.ImageStatusResponse, error) {
				if strings.Contains(asked, "@") {
					return known, nil
				}
				return answer, nil
			}}
			s := f.serve(t)
			s.SetLimits(time.Minute, 200*time.Millisecond)
			want(t, s.Name(t.Context(), image), fault.EngineFailed, true)
		})
	}
	// It is removed between the two calls that make or move it, and learned late.
	asked := 0
	f := &fake{
		target: manifest.String(), creates: []error{status.Error(codes.AlreadyExists, ""), nil}, updates: []error{status.Error(codes.NotFound, "")},
		status: func(name string) (*runtimeapi.ImageStatusResponse, error) {
			if asked++; asked < 4 {
				return known, nil
			}
			return statusOf(config.String(), "{}", true, name), nil
		},
	}
	s := f.serve(t)
	if err := s.Name(t.Context(), image); err != nil || len(f.creates)+len(f.updates) != 0 || asked < 4 {
		t.Errorf("%v, %+v", err, f)
	}
	f.creates = []error{status.Error(codes.ResourceExhausted, "")}
	want(t, s.Name(t.Context(), image), fault.EngineFailed, false)
	// Another program gave another image the name of the digest.
	f.target = config.String()
	want(t, s.Name(t.Context(), image), fault.DigestMismatch, false)
}

func TestANameThatMovedOnIsNotReleased(t *testing.T) {
	t.Parallel()
	f := &fake{labels: map[string]string{cri.OwnLabel: "true"}, deletes: []error{status.Error(codes.NotFound, ""), status.Error(codes.Internal, "")}}
	s := f.serve(t)
	if err := s.Release(t.Context(), "127.0.0.1:5000/unidesk/x:1"); err != nil {
		t.Error(err)
	}
	want(t, s.Release(t.Context(), "127.0.0.1:5000/unidesk/x:1"), fault.EngineFailed, false)
}

func TestAContainerdThatLacksSomething(t *testing.T) {
	t.Parallel()
	none := serve(t, func(*grpc.Server) {})
	_, err := none.Version(t.Context())
	want(t, err, fault.CapabilityMissing, false)
	want(t, none.Release(t.Context(), "127.0.0.1:5000/unidesk/x:1"), fault.CapabilityMissing, false)

	f := &fake{version: func(context.Context) error { return nil }}
	s := f.serve(t)
	v, err := s.Version(t.Context())
	if err != nil || v.Name != "a?[2Jb" || len(v.Version) > 600 {
		t.Errorf("%+v, %v", v, err)
	}
	_, err = s.Room(t.Context())
	want(t, err, fault.EngineFailed, false)
	f.disks = []string{""}
	_, err = s.Room(t.Context())
	want(t, err, fault.EngineFailed, false)
	f.disks = []string{"/proc"} // no snapshotter's folder
	_, err = s.Missing(t.Context(), nil)
	want(t, err, fault.EngineFailed, false)
}

func TestACallEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	f := &fake{version: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
	s := f.serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Version(ctx)
	want(t, err, fault.EngineUnavailable, true)
	enough := errors.New("enough")
	given, giveUp := context.WithCancelCause(t.Context())
	giveUp(enough)
	if _, err := s.Version(given); !errors.Is(err, enough) {
		t.Error(err)
	}
	f.disks, f.status = []string{"/"}, absent
	until, end := context.WithCancelCause(t.Context())
	f.pull = func(ctx context.Context) error { end(enough); <-ctx.Done(); return ctx.Err() }
	if err := s.Pull(until, pinned(t)); !errors.Is(err, enough) {
		t.Error(err)
	}
	// No account may dial, not even root's.
	s.Dialled(&net.OpError{Op: "dial", Err: fs.ErrPermission})
	err = s.Unavailable(status.Error(codes.Unavailable, "x"))
	if want(t, err, fault.EngineUnavailable, false); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}
