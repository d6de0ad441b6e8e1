package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/hostile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// note is everything behind an agent, which only keeps what reached it.
type note struct {
	mu      sync.Mutex
	reached string
}

func (n *note) keep(args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.reached += fmt.Sprintf("%+v", args)
}

func (n *note) take() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.reached
	n.reached = ""
	return s
}

func (n *note) List(_ context.Context, repo artifact.Repository, _ int, token string, _ func(string, artifact.Digest, error)) (string, error) {
	n.keep("list", repo, token)
	return "", nil
}

func (n *note) Details(context.Context, artifact.Repository, artifact.Digest, artifact.Platform) (int64, time.Time, error) {
	return 0, time.Time{}, nil
}

func (n *note) Resolve(_ context.Context, repo artifact.Repository, commit artifact.Commit, want artifact.Platform) (artifact.Image, error) {
	n.keep("resolve", repo, commit, want)
	return artifact.Image{}, fault.New(fault.ArtifactNotFound, "nothing is here")
}

func (n *note) Blob(_ context.Context, repo artifact.Repository, d artifact.Digest, _ int64) (io.ReadCloser, error) {
	n.keep("blob", repo, d)
	return nil, fault.New(fault.ArtifactNotFound, "nothing is here")
}

func (n *note) Size(target artifact.Digest) (int64, bool) {
	n.keep("size", target)
	return 100, true
}

func (n *note) Encode(_ context.Context, target artifact.Digest, bases []artifact.Digest, _ int64, _ func(delta.Batch) error) error {
	n.keep("encode", target, bases)
	return fault.New(fault.ArtifactNotFound, "nothing is here")
}

func (n *note) Inspect(_ context.Context, s registry.Settings) (registry.Facts, error) {
	n.keep("inspect", s)
	return registry.Facts{}, nil
}

func (n *note) Install(_ context.Context, s registry.Settings, h registry.Hashes, _ func(registry.Progress)) (registry.Installed, error) {
	n.keep("install", s, h)
	return registry.Installed{}, nil
}

func (n *note) Observe(_ context.Context, ref workload.Ref, _ bool) (workload.Observation, error) {
	n.keep("observe", ref)
	return workload.Observation{}, nil
}

func (n *note) Neighbours(_ context.Context, ref workload.Ref) ([]workload.Neighbour, error) {
	n.keep("neighbours", ref)
	return nil, nil
}

func (n *note) FindImage(_ context.Context, ref workload.Ref, image artifact.Pinned) (artifact.Image, bool, error) {
	n.keep("find image", ref, image)
	return artifact.Image{}, false, nil
}

func (n *note) Stage(_ context.Context, ref workload.Ref, image artifact.Pinned, _ func(workload.Event)) error {
	n.keep("stage", ref, image)
	return nil
}

func (n *note) Switch(_ context.Context, c workload.Change, _ func(workload.Event)) error {
	n.keep("switch", c)
	return nil
}

func (n *note) Renew(_ context.Context, ref workload.Ref, changeID string) error {
	n.keep("renew", ref, changeID)
	return nil
}

func (n *note) Settle(_ context.Context, ref workload.Ref, settlement workload.Settlement, _ func(workload.Event)) error {
	n.keep("settle", ref, settlement)
	return nil
}

func (n *note) Logs(_ context.Context, ref workload.Ref, instance string, _ workload.Tail) (workload.Output, error) {
	n.keep("logs", ref, instance)
	return workload.Output{}, nil
}

// samples are requests that are served, together with a value in every string.
func samples(t testing.TB) map[string][]proto.Message {
	change := changeToProto(sampleChange(t))
	elsewhere := proto.CloneOf(change)
	elsewhere.Workload = kubernetesWorkload("unidesk", "sample")
	digest := artifact.DigestOf(nil).String()
	ranges := []*artifactv1.Range{{Digest: digest, Size: 1, DiffId: digest}}
	settings := settingsToProto(wanted())
	one := map[string]proto.Message{
		"Describe": &artifactv1.DescribeRequest{},
		"List":     &artifactv1.ListRequest{Repository: "unidesk/x", PageToken: "tag"},
		"Resolve": &artifactv1.ResolveRequest{
			Repository: "unidesk/x", Commit: commitID, Platform: &artifactv1.Platform{Os: "linux", Architecture: "arm64", Variant: "v8"},
		},
		"Stream":       &artifactv1.StreamRequest{Repository: "unidesk/x", Ranges: ranges, Bases: []string{digest}, Zstd: true, Stripe: &artifactv1.Stripe{Key: "0123456789abcdef"}},
		"PlanTransfer": &artifactv1.PlanTransferRequest{Repository: "unidesk/x", Ranges: ranges, Bases: []string{digest}},
		"Inspect":      &artifactv1.InspectRequest{Settings: settings},
		"Install":      &artifactv1.InstallRequest{Settings: settings, Expected: hashesToProto(hashes())},
	}
	all := make(map[string][]proto.Message, len(one))
	for name, m := range one {
		all[name] = []proto.Message{m}
	}
	for _, c := range []*artifactv1.Change{change, elsewhere} {
		for name, m := range map[string]proto.Message{
			"ListNeighbours": &artifactv1.ListNeighboursRequest{Workload: c.GetWorkload()},
			"FindImage":      &artifactv1.FindImageRequest{Workload: c.GetWorkload(), Image: c.GetImage()},
			"Observe":        &artifactv1.ObserveRequest{Workload: c.GetWorkload()},
			"Stage":          &artifactv1.StageRequest{Workload: c.GetWorkload(), Image: c.GetImage()},
			"Switch":         &artifactv1.SwitchRequest{Change: c, Values: []*artifactv1.ConfigValue{{Key: "password", Value: "any"}}},
			"Renew":          &artifactv1.RenewRequest{Workload: c.GetWorkload(), ChangeId: c.GetId()},
			"Settle": &artifactv1.SettleRequest{
				Workload: c.GetWorkload(), ChangeId: c.GetId(), Outcome: artifactv1.Outcome_OUTCOME_KEEP,
				Proven: []*artifactv1.Copy{{Id: containerID, Started: c.GetDeadline(), Revision: containerID}}, Retire: []string{commitID},
			},
			"Logs": &artifactv1.LogsRequest{Workload: c.GetWorkload(), Instance: containerID, Lines: 1},
		} {
			all[name] = append(all[name], m)
		}
	}
	return all
}

// isMessage reports whether a field holds messages that may hold strings.
func isMessage(f protoreflect.FieldDescriptor) bool {
	return f.Kind() == protoreflect.MessageKind && f.Message().FullName() != "google.protobuf.Timestamp"
}

// stringsOf are the fields of a message that hold strings, by path, each with what sets
// it. A message that the sample leaves out would hide its fields, so it ends the test.
// A sample has a single member of a oneof.
func stringsOf(t testing.TB, m protoreflect.Message, path string, each func(path string, set func(string))) {
	t.Helper()
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		at := strings.TrimPrefix(path+"."+string(f.Name()), ".")
		stringy := f.Kind() == protoreflect.StringKind
		if (stringy || isMessage(f)) && !m.Has(f) {
			if choice := f.ContainingOneof(); choice != nil && !choice.IsSynthetic() && m.WhichOneof(choice) != nil {
				continue
			}
			t.Fatalf("the sample has no %s", at)
		}
		switch {
		case stringy && f.IsList():
			each(at, func(s string) { m.Mutable(f).List().Set(0, protoreflect.ValueOfString(s)) })
			each(at, func(s string) { m.Mutable(f).List().Append(protoreflect.ValueOfString(s)) })
		case stringy:
			each(at, func(s string) { m.Set(f, protoreflect.ValueOfString(s)) })
		case isMessage(f) && f.IsList():
			stringsOf(t, m.Mutable(f).List().Get(0).Message(), at, each)
		case isMessage(f):
			stringsOf(t, m.Mutable(f).Message(), at, each)
		}
	}
}

// stringPaths are the paths of all strings that a message may hold.
func stringPaths(m protoreflect.MessageDescriptor, path string) (all []string) {
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		at := strings.TrimPrefix(path+"."+string(f.Name()), ".")
		if f.Kind() == protoreflect.StringKind {
			all = append(all, at)
		} else if isMessage(f) {
			all = append(all, stringPaths(f.Message(), at)...)
		}
	}
	return all
}

// grammar has the values that may reach the host in a field, by the end of its path; in any
// other field no value of the corpus may. It is written apart from the server's own forms.
var grammar = map[string]*regexp.Regexp{
	"repository":            regexp.MustCompile(`^[a-z0-9]+([._/-][a-z0-9]+)*$`),
	"proven.revision":       regexp.MustCompile(`^([0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$`),
	"ranges.diff_id":        regexp.MustCompile(`^(sha256:[0-9a-f]{64})?$`),
	"stripe.key":            regexp.MustCompile(`^([0-9A-Za-z]{16,64})?$`),
	"page_token":            regexp.MustCompile(`^([\w][\w.-]{0,127})?$`),
	"platform.os":           regexp.MustCompile(`^[a-z0-9]{1,32}$`),
	"platform.architecture": regexp.MustCompile(`^[a-z0-9_]{1,32}$`),
	"platform.variant":      regexp.MustCompile(`^[a-z0-9.]{0,32}$`),
	"settings.image":        regexp.MustCompile(`^[a-z0-9][a-z0-9._/-]*:[\w][\w.-]{0,127}$`),
	"settings.directory":    regexp.MustCompile(`^(/[\w.-]+){2,}$`),
	"settings.storage":      regexp.MustCompile(`^(/[\w.-]+){2,}$`),
	"compose.project":       regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`),
	"compose.service":       regexp.MustCompile(`^[A-Za-z0-9][\w.-]{0,127}$`),
	"kubernetes.namespace":  regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`),
	"kubernetes.name":       regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`),
	"flags_before.name":     regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/)?\w+(\.\w+)*$`),
	"stamps.value":          regexp.MustCompile(`^[\w.:/@+-]{0,256}$`),
	"change.holder":         regexp.MustCompile(`^[^\p{Cc}\p{Cf}\x{2028}\x{2029}]{1,512}$`),
	"change.id":             regexp.MustCompile(`^[A-Za-z0-9][\w.-]{0,127}$`),
	"change_id":             regexp.MustCompile(`^[A-Za-z0-9][\w.-]{0,127}$`),
	"change.basis":          regexp.MustCompile(`^([A-Za-z0-9][\w.-]{0,127})?$`),
	"image.index_digest":    regexp.MustCompile(`^$`),
	"values.key":            regexp.MustCompile(`^[\w][\w.-]{0,252}$`),
	"values.value":          regexp.MustCompile(`(?s)^.*$`), // a secret may be anything
	// A change that an older agent began has none.
	"change.image.repository": regexp.MustCompile(`^([a-z0-9]+([._/-][a-z0-9]+)*)?$`),
}

// raw reports whether text has what a terminal acts on; lines are an answer's own,
// unless the value brought them.
func raw(text, value string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }) ||
		strings.Contains(value, "\n") && strings.Contains(text, value)
}

// fits goes by the longest of the ends that a path has.
func fits(path, value string) bool {
	at := ""
	for end := range grammar {
		if (path == end || strings.HasSuffix(path, "."+end)) && len(end) > len(at) {
			at = end
		}
	}
	place := strings.HasPrefix(value, "/") && at != "change.holder" && at != "stamps.value" && at != "values.value"
	return at != "" && grammar[at].MatchString(value) && (!place || !slices.Contains(strings.Split(value, "/"), ".."))
}

// Whatever a caller sends in whichever string of whichever request: the host behind
// is not reached with it, or it is harmless there.
func TestNothingHostileReachesTheHost(t *testing.T) {
	t.Parallel()
	left := samples(t)
	values := hostile.Values()
	for _, file := range []protoreflect.FileDescriptor{
		artifactv1.File_unidesk_artifact_v1_host_proto, artifactv1.File_unidesk_artifact_v1_image_proto,
		artifactv1.File_unidesk_artifact_v1_registry_proto, artifactv1.File_unidesk_artifact_v1_workload_proto,
	} {
		methods := file.Services().Get(0).Methods()
		for i := range methods.Len() {
			m := methods.Get(i)
			samples, ok := left[string(m.Name())]
			if delete(left, string(m.Name())); !ok {
				t.Errorf("there is no sample for %s", m.FullName())
				continue
			}
			t.Run(string(m.Name()), func(t *testing.T) {
				t.Parallel()
				behind := &note{}
				w, installs := NewWorkloads(behind, slog.New(slog.DiscardHandler)), NewRegistry(behind, slog.New(slog.DiscardHandler))
				a := serve(t, func(r *grpc.Server) {
					Register(r, fakeHost{}, behind, behind)
					w.Register(r)
					installs.Register(r)
				})
				t.Cleanup(w.Close)
				t.Cleanup(installs.Close)
				conn := a.dial(t, Options{}).conn
				var tried []string
				for _, sample := range samples {
					if err := call(t.Context(), conn, m, sample); m.Input().Fields().Len() > 0 && behind.take() == "" {
						t.Fatalf("the sample does not reach the host: %v", err)
					}
					stringsOf(t, proto.Clone(sample).ProtoReflect(), "", func(path string, _ func(string)) {
						if slices.Contains(tried, path) {
							return // as a list, or by the sample before
						}
						tried = append(tried, path)
						for _, v := range dealt(values, len(tried)) {
							hit(t, conn, behind, m, sample, path, v)
						}
					})
				}
				for _, path := range stringPaths(m.Input(), "") {
					if !slices.Contains(tried, path) {
						t.Errorf("no sample has %s", path)
					}
				}
			})
		}
	}
	for name := range left {
		t.Errorf("the contract has no %s", name)
	}
}

// dealt returns the values for the nth field. All of them are tens of thousands of calls, which
// take minutes under the race detector: a short run tries 1 in 16, others in each field.
func dealt(values []string, n int) (some []string) {
	if !testing.Short() {
		return values
	}
	for i := n % 16; i < len(values); i += 16 {
		some = append(some, values[i])
	}
	return some
}

// hit sends a value in a field, in each way that there is.
func hit(t *testing.T, conn *grpc.ClientConn, behind *note, m protoreflect.MethodDescriptor, sample proto.Message, path, v string) {
	t.Helper()
	req := proto.Clone(sample)
	stringsOf(t, req.ProtoReflect(), "", func(at string, set func(string)) {
		if at != path {
			return
		}
		set(v)
		err := call(t.Context(), conn, m, req)
		reached := behind.take()
		if reached != "" {
			if !fits(path, v) {
				t.Errorf("%.60q as %s reached the host: %.300q", v, path, reached)
			}
			return
		}
		st, ok := status.FromError(err)
		switch f := fromStatus("", err); {
		case err == nil && fits(path, v): // nothing of the host was needed
		case err == nil || !ok:
			t.Errorf("%.60q as %s: %v", v, path, err)
		case f.Reason == fault.Internal && !strings.Contains(err.Error(), "invalid UTF-8"):
			t.Errorf("%.60q as %s: %s, %.300q", v, path, f.Reason, err)
		case raw(st.Message()+f.Hint, v):
			t.Errorf("%.60q as %s is answered with control characters: %.300q", v, path, st.Message())
		case len(st.Message()) > 5<<10 || len(f.Hint) > 5<<10:
			t.Errorf("%.60q as %s is answered with %d bytes, and %d of a hint", v, path, len(st.Message()), len(f.Hint))
		}
	})
}

// call makes a call of any kind and returns how it ended.
func call(ctx context.Context, conn *grpc.ClientConn, m protoreflect.MethodDescriptor, req proto.Message) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name()))
	if err != nil {
		return err
	}
	if err := stream.SendMsg(req); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	_ = stream.CloseSend()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	for err == nil {
		err = stream.RecvMsg(kind.New().Interface())
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
