package rpc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

// liar answers as an agent that is not to be believed.
type liar struct {
	artifactv1.UnimplementedImageServiceServer
	image  *artifactv1.Image
	chunks []*artifactv1.StreamResponse
}

func (l *liar) Resolve(context.Context, *artifactv1.ResolveRequest) (*artifactv1.ResolveResponse, error) {
	return &artifactv1.ResolveResponse{Image: l.image}, nil
}

func (l *liar) Stream(_ *artifactv1.StreamRequest, s grpc.ServerStreamingServer[artifactv1.StreamResponse]) error {
	for _, c := range l.chunks {
		if err := s.Send(c); err != nil {
			return err
		}
	}
	return nil
}

func serveLiar(t *testing.T, l *liar) agent {
	t.Helper()
	return serve(t, func(s *grpc.Server) { artifactv1.RegisterImageServiceServer(s, l) })
}

func TestAnAgentThatLiesAboutAnImageIsNotBelieved(t *testing.T) {
	t.Parallel()
	arm := newImages(5)
	config := bytes.Replace(arm.image.ConfigBytes, []byte("amd64"), []byte("arm64"), 1)
	manifest := bytes.ReplaceAll(arm.image.ManifestBytes, []byte(arm.image.Config.String()), []byte(artifact.DigestOf(config).String()))
	for name, c := range map[string]struct {
		lie  func(*artifactv1.Image)
		want fault.Reason
	}{
		"other manifest bytes": {func(i *artifactv1.Image) { i.Manifest = append(i.Manifest, ' ') }, fault.DigestMismatch},
		"other config bytes":   {func(i *artifactv1.Image) { i.Config = append(i.Config, ' ') }, fault.DigestMismatch},
		"another commit":       {func(i *artifactv1.Image) { i.Commit = strings.Repeat("f", 40) }, fault.DigestMismatch},
		"another repository":   {func(i *artifactv1.Image) { i.Repository = "unidesk/other" }, fault.DigestMismatch},
		"another platform": {func(i *artifactv1.Image) {
			i.Config, i.Manifest, i.ManifestDigest = config, manifest, artifact.DigestOf(manifest).String()
		}, fault.PlatformNotFound},
		"no digest":        {func(i *artifactv1.Image) { i.ManifestDigest = "" }, fault.InvalidRequest},
		"a strange index":  {func(i *artifactv1.Image) { i.IndexDigest = "md5:1" }, fault.InvalidRequest},
		"a short commit":   {func(i *artifactv1.Image) { i.Commit = "abc" }, fault.CommitNotPinned},
		"a bad repository": {func(i *artifactv1.Image) { i.Repository = "../x" }, fault.InvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := imageToProto(newImages(5).image)
			c.lie(m)
			_, err := serveLiar(t, &liar{image: m}).dial(t, Options{}).Resolve(t.Context(), repo(), commit(), linux)
			wantReason(t, err, c.want, false)
		})
	}
	_, err := serveLiar(t, &liar{}).dial(t, Options{}).Resolve(t.Context(), repo(), commit(), linux)
	wantReason(t, err, fault.InvalidRequest, false)
}

func TestACutStreamIsAnErrorAndTheNextCallConnectsAgain(t *testing.T) {
	t.Parallel()
	f := newImages(64 * chunkSize)
	a := serveImages(t, f)
	c := a.dial(t, Options{})
	layer := f.image.Layers[0]
	h := sha256.New()
	var at int64
	take := func(c layers.Piece) error {
		h.Write(c.Data)
		at = c.Offset + int64(len(c.Data))
		return nil
	}
	err := c.Stream(t.Context(), repo(), all(f.image), nil, func(c layers.Piece) error {
		if c.Offset == 4*chunkSize {
			a.cut()
		}
		return take(c)
	})
	wantReason(t, err, fault.HostUnreachable, true)
	if at == 0 || at >= layer.Size {
		t.Fatalf("cut at %d of %d", at, layer.Size)
	}
	if err := c.Stream(t.Context(), repo(), []layers.Range{{Layer: layer, Offset: at}}, nil, take); err != nil {
		t.Fatal(err)
	}
	if got := artifact.DigestSum([sha256.Size]byte(h.Sum(nil))); got != layer.Digest {
		t.Errorf("resumed to %s", got)
	}
}

// told is a connection that knows why it ended, as the tunnel's do.
type told struct {
	net.Conn
	why error
}

func (c told) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		err = c.why
	}
	return n, err
}

func TestTheTunnelsReasonComesThroughGRPC(t *testing.T) {
	t.Parallel()
	f := newImages(64 * chunkSize)
	a := serveImages(t, f)
	var whys []error
	c, err := Dial(t.Context(), func(ctx context.Context) (net.Conn, error) {
		conn, err := a.connect(ctx)
		whys = append(whys, fault.Transient(fault.HostUnreachable, "ssh failed for reason %d", len(whys)).WithHint("look at the cable"))
		return told{conn, whys[len(whys)-1]}, err
	}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for i := range 3 {
		err = c.Stream(t.Context(), repo(), all(f.image), nil, func(layers.Piece) error { a.cut(); return nil })
		if len(whys) != i+1 || !errors.Is(err, whys[i]) || fault.HintOf(err) != "look at the cable" {
			t.Errorf("cut %d of %d connections: %v", i, len(whys), err)
		}
	}
}

func TestDialSaysWhyItFailed(t *testing.T) {
	t.Parallel()
	refused := fault.New(fault.HostKeyMismatch, "another key")
	_, err := Dial(t.Context(), func(context.Context) (net.Conn, error) { return nil, refused }, Options{})
	if !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	_, err = Dial(t.Context(), func(context.Context) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			_, _ = far.Read(make([]byte, 10))
			_, _ = io.WriteString(far, "HTTP/1.1 400 Bad Request\r\n\r\nthis is not HTTP/2")
			_ = far.Close()
		}()
		return near, nil
	}, Options{})
	wantReason(t, err, fault.NotAnAgent, false)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = Dial(ctx, func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }, Options{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// systemd holds the socket of an agent that does not start: a connection is made, and nothing comes.
func TestDialNamesTheUnitsOfAnAgentThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for name, hangUp := range map[string]bool{"until it is given up": false, "and hangs up": true} {
		ctx, cancel := context.WithCancelCause(t.Context())
		var far sync.WaitGroup
		_, err := Dial(ctx, func(context.Context) (net.Conn, error) {
			near, other := net.Pipe()
			far.Go(func() {
				defer other.Close()
				_, _ = other.Read(make([]byte, 10))
				if !hangUp {
					cancel(fault.Transient(fault.HostUnreachable, "no answer within 33s"))
					<-ctx.Done()
				}
			})
			return near, nil
		}, Options{Host: "d601"})
		cancel(nil)
		far.Wait()
		if fault.ReasonOf(err) != fault.HostUnreachable || fault.HintOf(err) != "on the agent's host: systemctl status unidesk-agent.socket unidesk-agent.service" {
			t.Errorf("%s: %v, %q", name, err, fault.HintOf(err))
		}
	}
}

func TestACallerThatGivesUpIsTold(t *testing.T) {
	t.Parallel()
	f := newImages(4 * chunkSize)
	f.open = func(ctx context.Context, _ artifact.Digest, _ io.Reader) io.Reader { return silent{ctx} }
	c := serveImages(t, f).dial(t, Options{})
	cause := errors.New("interrupted by the user")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(30*time.Millisecond, func() { cancel(cause) })
	err := c.Stream(ctx, repo(), all(f.image), nil, nil)
	if !errors.Is(err, cause) || fault.ReasonOf(err) != fault.Interrupted {
		t.Errorf("got %v", err)
	}
}

// slowHost answers later than any caller waits.
type slowHost struct{}

func TestACallWithoutAnAnswerEnds(t *testing.T) {
	t.Parallel()
	a := serve(t, func(s *grpc.Server) { Register(s, slowHost{}, nil, nil) })
	_, err := a.dial(t, Options{Call: 50 * time.Millisecond}).Describe(t.Context())
	wantReason(t, err, fault.Stalled, true)
}

func TestTheServerLimitsEveryUnaryCall(t *testing.T) {
	t.Parallel()
	for _, m := range []string{artifactv1.HostService_Describe_FullMethodName, artifactv1.ImageService_Resolve_FullMethodName, "/of/tomorrow"} {
		_, err := deadlines(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: m}, func(ctx context.Context, _ any) (any, error) {
			if d, ok := ctx.Deadline(); !ok || time.Until(d) > time.Minute {
				t.Errorf("%s: deadline %v", m, d)
			}
			return nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnAgentWithoutTheServiceIsNamedWithItsVersion(t *testing.T) {
	t.Parallel()
	f := newImages(10)
	a := serve(t, func(s *grpc.Server) { Register(s, fakeHost{Description{AgentVersion: "0.9"}}, nil, nil) })
	for _, described := range []bool{false, true} {
		c := a.dial(t, Options{})
		if described {
			if _, err := c.Describe(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for name, call := range map[string]func() error{
			"resolve": func() error { _, err := c.Resolve(t.Context(), repo(), commit(), linux); return err },
			"stream":  func() error { return c.Stream(t.Context(), repo(), all(f.image), nil, nil) },
		} {
			err := call()
			wantReason(t, err, fault.CapabilityMissing, false)
			if !strings.Contains(err.Error(), "0.9") || !strings.Contains(err.Error(), "1.1") || fault.HintOf(err) == "" {
				t.Errorf("%s: %v, hint %q", name, err, fault.HintOf(err))
			}
		}
	}
}

func TestAnAgentOfTheSameVersionLacksAKeyOfItsFile(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.1", "(1.1)"} {
		a := serve(t, func(s *grpc.Server) { Register(s, fakeHost{Description{AgentVersion: version}}, nil, nil) })
		c := a.dial(t, Options{Host: "D601"})
		_, inspect := c.Inspect(t.Context(), wanted())
		_, resolve := c.Resolve(t.Context(), repo(), commit(), linux)
		for key, err := range map[string]error{"registryRoots": inspect, "registry": resolve} {
			wantReason(t, err, fault.CapabilityMissing, false)
			if !strings.HasSuffix(err.Error(), "its agent.yaml has no "+key) || !strings.Contains(err.Error(), "D601") || strings.Contains(err.Error(), "unidesk.artifact") {
				t.Errorf("%v", err)
			}
			if hint := fault.HintOf(err); !strings.Contains(hint, "systemctl restart unidesk-agent") || strings.Contains(hint, "install") {
				t.Errorf("hint %q", hint)
			}
		}
	}
}
