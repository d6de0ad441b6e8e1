// Package cri is the agent's edge to the images of a k3s node: CRI pulls an image by
// its digest and answers what is there, containerd's own API makes the commit's name,
// pins it and takes it away. It is the only package that knows the two APIs.
//
// An image comes by CRI and never by containerd's own pull, because only CRI uses the
// registries and the snapshotter that k3s is set up with. A name is made by containerd,
// because CRI makes a name only when it pulls a tag, and what a tag means can change
// between two questions. CRI learns of such a name a moment later, so that [Store.Name]
// waits until CRI answers with it.
//
// The danger is the kubelet: it removes an image that no container uses when its disk
// fills up, with all names of it. A pinned image stays. Each name that this package
// makes carries the runtime's pin and a label of its own, and only a name with that
// label is ever taken away.
//
// Errors are distinguished by gRPC's codes. containerd gives no code to a registry that
// does not answer and none to a full disk: the disk is looked at while a pull goes on.
//
// Files, from the top: name.go, pull.go, watch.go, room.go, image.go, version.go,
// mirrors.go, explain.go, cri.go.
package cri

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/containerd/containerd/api/services/content/v1"
	"github.com/containerd/containerd/api/services/images/v1"
	"github.com/containerd/containerd/api/services/introspection/v1"
	"github.com/containerd/containerd/api/services/snapshots/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Socket is where k3s's containerd listens.
const Socket = "/run/k3s/containerd/containerd.sock"

// namespace is containerd's namespace of all that Kubernetes has.
const namespace = "k8s.io"

const (
	// patience is how long any call but a pull may take.
	patience = time.Minute
	// silence is longer than the largest layer takes to unpack: containerd reports
	// progress all the while but then.
	silence = 10 * time.Minute
	// adoption is how long CRI may take to learn of a name that containerd has.
	adoption = 30 * time.Second
	// maxAnswer is the largest message that containerd sends (its defaults.DefaultMaxSendMsgSize).
	maxAnswer = 16 << 20
)

// Store is the image store of a containerd. Its methods may be called concurrently.
type Store struct {
	registry string
	socket   string
	silence  time.Duration
	adoption time.Duration
	dialled  atomic.Pointer[error]

	conn       *grpc.ClientConn
	pulls      runtime.ImageServiceClient
	runtime    runtime.RuntimeServiceClient
	names      images.ImagesClient
	content    content.ContentClient
	snapshots  snapshots.SnapshotsClient
	introspect introspection.IntrospectionClient
}

// New returns the store of the containerd that listens on a socket, for example
// [Socket], and that pulls from the registry at host:port. Nothing is dialled before
// the first call, and a containerd that comes back is found again.
func New(socket, registry string) (*Store, error) {
	s := &Store{registry: registry, socket: socket, silence: silence, adoption: adoption}
	conn, err := grpc.NewClient("passthrough:///containerd",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(s.dial),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 5 * time.Second,
		}))
	if err != nil {
		return nil, fault.New(fault.Internal, "make a client of containerd at %s: %w", socket, err)
	}
	s.conn = conn
	s.pulls, s.runtime = runtime.NewImageServiceClient(conn), runtime.NewRuntimeServiceClient(conn)
	s.names, s.content = images.NewImagesClient(conn), content.NewContentClient(conn)
	s.snapshots, s.introspect = snapshots.NewSnapshotsClient(conn), introspection.NewIntrospectionClient(conn)
	return s, nil
}

// Close ends the connection.
func (s *Store) Close() error { return s.conn.Close() }

// dial keeps its error, because gRPC hands on only its words.
func (s *Store) dial(ctx context.Context, _ string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", s.socket)
	s.dialled.Store(&err)
	return conn, err
}

// short bounds a call, and names the namespace, which CRI does not need.
func short(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(metadata.AppendToOutgoingContext(ctx, "containerd-namespace", namespace), patience)
}
