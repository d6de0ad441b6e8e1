package rpc

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// asWritten is a codec that sends bytes as they are, and reads none.
type asWritten struct{}

func (asWritten) Marshal(v any) ([]byte, error) { return v.([]byte), nil }
func (asWritten) Unmarshal([]byte, any) error   { return nil }
func (asWritten) Name() string                  { return "proto" }

// reachedForm is what may reach the host in a string that has no row in grammar: the
// names, ids, digests and times of the contract.
var reachedForm = regexp.MustCompile(`^([A-Za-z0-9[][\w.:/@+,\[\]-]{0,511})?$`)

// unfit returns the path of a string that must not have reached the host.
func unfit(m protoreflect.Message, path string) (bad string) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		at := strings.TrimPrefix(path+"."+string(f.Name()), ".")
		one := func(v protoreflect.Value) {
			switch {
			case bad != "":
			case isMessage(f):
				bad = unfit(v.Message(), at)
			case f.Kind() == protoreflect.StringKind && !fits(at, v.String()) && !reachedForm.MatchString(v.String()):
				bad = at
			}
		}
		if f.IsList() {
			for i := range v.List().Len() {
				one(v.List().Get(i))
			}
		} else {
			one(v)
		}
		return bad == ""
	})
	return bad
}

// behindAgent serves a host that only notes what reaches it.
func behindAgent(f *testing.F) (agent, *note) {
	f.Helper()
	behind := &note{}
	quiet := slog.New(slog.DiscardHandler)
	w, installs := NewWorkloads(behind, quiet), NewRegistry(behind, quiet)
	a := serve(f, func(r *grpc.Server) {
		Register(r, fakeHost{}, behind, behind)
		w.Register(r)
		installs.Register(r)
	})
	f.Cleanup(w.Close)
	f.Cleanup(installs.Close)
	return a, behind
}

// fuzzRequest sends any bytes as the request of a method to a real server. What is no
// request is refused, with a reason; what reaches the host has no string that steers.
func fuzzRequest(f *testing.F, file protoreflect.FileDescriptor, method string) {
	m := file.Services().Get(0).Methods().ByName(protoreflect.Name(method))
	for _, sample := range samples(f)[method] {
		b, err := proto.Marshal(sample)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
		f.Add(append(b, b...))
		for _, v := range []string{"\x1b[2J", "--flag", "../x"} {
			fields := 0
			stringsOf(f, proto.Clone(sample).ProtoReflect(), "", func(string, func(string)) { fields++ })
			for i := range fields {
				steers, at := proto.Clone(sample), 0
				stringsOf(f, steers.ProtoReflect(), "", func(_ string, set func(string)) {
					if at == i {
						set(v)
					}
					at++
				})
				b, err := proto.Marshal(steers)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(b)
			}
		}
	}
	f.Add([]byte{})
	f.Add([]byte("\x0a\xff\xff\xff\xff\x0f"))
	kind, err := protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName())
	if err != nil {
		f.Fatal(err)
	}
	a, behind := behindAgent(f)
	conn := a.dial(f, Options{}).conn
	name := "/" + string(m.Parent().FullName()) + "/" + method
	f.Fuzz(func(t *testing.T, request []byte) {
		if len(request) > maxRequest {
			t.Skip("gRPC refuses it")
		}
		behind.take()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, name, grpc.ForceCodec(asWritten{}))
		if err == nil {
			err = stream.SendMsg(request)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		_ = stream.CloseSend()
		for err = nil; err == nil; {
			err = stream.RecvMsg(nil)
		}
		reached := behind.take()
		// A plan without a delta needs nothing of the host.
		if errors.Is(err, io.EOF) != (reached != "") && reached == "" && method != "PlanTransfer" {
			t.Errorf("a request that did not reach the host is a success")
		}
		message := kind.New()
		broken := proto.Unmarshal(request, message.Interface())
		if reached != "" {
			if broken != nil {
				t.Fatalf("%v, and it reached the host: %.300q", broken, reached)
			}
			if at := unfit(message, ""); at != "" {
				t.Errorf("%s reached the host: %.300q", at, reached)
			}
			return
		}
		if errors.Is(err, io.EOF) {
			return
		}
		if r := fault.ReasonOf(fromStatus("", err)); broken == nil && r == fault.Internal {
			t.Errorf("a request that can be read is refused with %s: %v", r, err)
		}
		if strings.ContainsFunc(strings.ReplaceAll(err.Error(), "\n", ""), unicode.IsControl) { // each fault has a line
			t.Errorf("it is refused with control characters: %q", err)
		}
	})
}

func FuzzStageRequest(f *testing.F) {
	fuzzRequest(f, artifactv1.File_unidesk_artifact_v1_workload_proto, "Stage")
}

func FuzzSwitchRequest(f *testing.F) {
	fuzzRequest(f, artifactv1.File_unidesk_artifact_v1_workload_proto, "Switch")
}

func FuzzRenewRequest(f *testing.F) {
	fuzzRequest(f, artifactv1.File_unidesk_artifact_v1_workload_proto, "Renew")
}

func FuzzSettleRequest(f *testing.F) {
	fuzzRequest(f, artifactv1.File_unidesk_artifact_v1_workload_proto, "Settle")
}

func FuzzInstallRequest(f *testing.F) {
	fuzzRequest(f, artifactv1.File_unidesk_artifact_v1_registry_proto, "Install")
}

func FuzzResolveRequest(f *testing.F) {
	fuzzRequest(f, artifactv1.File_unidesk_artifact_v1_image_proto, "Resolve")
}

func FuzzStreamRequest(f *testing.F) {
	fuzzRequest(f, artifactv1.File_unidesk_artifact_v1_image_proto, "Stream")
}

func FuzzPlanTransferRequest(f *testing.F) {
	fuzzRequest(f, artifactv1.File_unidesk_artifact_v1_image_proto, "PlanTransfer")
}

// FuzzRawFramesHarmNobody: whatever a connection sends after HTTP/2's preface, it ends,
// the host is asked for nothing that steers, and another connection is answered.
func FuzzRawFramesHarmNobody(f *testing.F) {
	frame := func(write func(*http2.Framer) error) []byte {
		var b strings.Builder
		if err := write(http2.NewFramer(&b, nil)); err != nil {
			f.Fatal(err)
		}
		return []byte(b.String())
	}
	headers := func(fields ...string) []byte {
		var block strings.Builder
		enc := hpack.NewEncoder(&block)
		for i := 0; i < len(fields); i += 2 {
			_ = enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
		}
		return frame(func(w *http2.Framer) error {
			return w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte(block.String()), EndHeaders: true})
		})
	}
	data := func(b string) []byte {
		return frame(func(w *http2.Framer) error { return w.WriteData(1, true, []byte(b)) })
	}
	settings := frame(func(w *http2.Framer) error { return w.WriteSettings() })
	begun := func(path string) []byte {
		return append(settings, headers(":method", "POST", ":scheme", "http", ":authority", "x", ":path", path, "content-type", "application/grpc", "te", "trailers")...)
	}
	describe := artifactv1.HostService_Describe_FullMethodName
	f.Add(append(begun(describe), data("\x00\x00\x00\x00\x00")...))
	f.Add(append(begun(describe[1:]), data("\x00\x00\x00\x00\x00")...)) // CVE-2026-33186
	f.Add(append(begun(artifactv1.WorkloadService_Switch_FullMethodName), data("\x00\xff\xff\xff\xff")...))
	f.Add(append(begun(artifactv1.ImageService_Stream_FullMethodName), data("\x01\x00\x00\x00\x02\x1f\x8b")...))
	f.Add(append(settings, headers(":path", "/", "grpc-timeout", "99999999999H")...))
	f.Add(append(settings, frame(func(w *http2.Framer) error { return w.WriteRSTStream(1, http2.ErrCodeCancel) })...))
	f.Add(append(settings, frame(func(w *http2.Framer) error { return w.WriteWindowUpdate(0, 1<<31-1) })...))
	f.Add(append(settings, frame(func(w *http2.Framer) error { return w.WriteContinuation(1, true, []byte{0x80}) })...))
	f.Add(append(settings, frame(func(w *http2.Framer) error { return w.WritePing(false, [8]byte{}) })...))
	f.Add(append(settings, frame(func(w *http2.Framer) error { return w.WriteGoAway(1, http2.ErrCodeNo, nil) })...))
	f.Add([]byte("\xff\xff\xff\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte{})
	a, behind := behindAgent(f)
	other := a.dial(f, Options{})
	f.Fuzz(func(t *testing.T, sent []byte) {
		if len(sent) > 16<<10 {
			t.Skip("more than the socket takes while nobody reads")
		}
		behind.take()
		c, err := a.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = c.Write(append([]byte(http2.ClientPreface), sent...))
		_ = c.(*net.UnixConn).CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.Copy(io.Discard, c); isTimeout(err) {
			t.Errorf("the connection does not end: %v", err)
		}
		if _, err := other.Describe(t.Context()); err != nil {
			t.Errorf("another connection is answered with %v", err)
		}
		if reached := behind.take(); strings.ContainsFunc(reached, unicode.IsControl) {
			t.Errorf("it reached the host: %.300q", reached)
		}
	})
}

func isTimeout(err error) bool {
	timeout, is := errors.AsType[net.Error](err)
	return is && timeout.Timeout()
}
