package agent

import (
	"cmp"
	"context"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/manual"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

const (
	// sendLimit is how long a receiver may leave a stream's next message lying. It is
	// long: the controller loads a layer into an engine between two chunks.
	sendLimit = 15 * time.Minute
	// requestLimit is how long a request may take to arrive, from its headers on.
	requestLimit = 30 * time.Second
	// maxCalls and maxCallsPerUID bound the calls under way of accounts other than root.
	maxCalls       = 64
	maxCallsPerUID = 32
)

// foreign reports whether a service is gRPC's own and is served: its methods return no more than
// HostService.Describe does, so they need the same role.
func foreign(service string) bool {
	switch service {
	case "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection":
		return true
	}
	return false
}

// guard stands before every handler: it checks the role before anything of a request is
// read, bounds the calls under way, stops a panic from being the agent's end, and writes
// the log.
type guard struct {
	log                     *slog.Logger
	refusals                *refusals
	sendLimit, requestLimit time.Duration
	// need is the role for each registered method, by full name. What is not in it,
	// or needs ROLE_UNSPECIFIED, is refused.
	need map[string]artifactv1.Role

	mu    sync.Mutex
	calls map[uint32]int // under way, by uid; root's are not counted
	total int
}

func newGuard(log *slog.Logger) *guard {
	return &guard{log: log, refusals: newRefusals(log), sendLimit: sendLimit, requestLimit: requestLimit, calls: make(map[uint32]int)}
}

// learn reads the contract's role options. It is called once, before serving.
func (g *guard) learn(services map[string]grpc.ServiceInfo) {
	g.need = make(map[string]artifactv1.Role)
	for service, info := range services {
		for _, m := range info.Methods {
			g.need["/"+service+"/"+m.Name] = roleOption(service, m.Name)
		}
	}
}

func roleOption(service, method string) artifactv1.Role {
	if foreign(service) {
		return artifactv1.Role_ROLE_READ
	}
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service + "." + method))
	if err != nil {
		return artifactv1.Role_ROLE_UNSPECIFIED
	}
	role, _ := proto.GetExtension(d.Options(), artifactv1.E_Role).(artifactv1.Role)
	return role
}

// allow checks a call against the table, by the name under which gRPC found the
// handler and not by what the client wrote (CVE-2026-33186).
func (g *guard) allow(c caller, method string) error {
	need, have := g.need[method], rpc.ParseRole(c.role)
	if need != artifactv1.Role_ROLE_UNSPECIFIED && have >= need {
		return nil
	}
	wanted := strings.ToLower(strings.TrimPrefix(cmp.Or(need, artifactv1.Role_ROLE_READ).String(), "ROLE_"))
	return fault.New(fault.RoleMissing, "%s needs the role %s, uid %d has %s", method, wanted, c.uid, cmp.Or(c.role, "none")).
		WithHint("on the agent's host, as root: list the account under roles.%s in agent.yaml and restart unidesk-agent%s", wanted, without(need))
}

// without returns, for the role admin, how to do without a role that makes the account root's equal.
func without(need artifactv1.Role) string {
	if need != artifactv1.Role_ROLE_ADMIN {
		return ""
	}
	return "; that account is then as good as root there, so rather ask as root for this once: " + manual.Page("hosts.md") + ", \"Another account\""
}

// enter decides on a call by its headers (grpc's tap.ServerInHandle). A method that is
// not here is refused by gRPC itself, if its caller may do anything at all.
func (g *guard) enter(ctx context.Context, info *tap.Info) (context.Context, error) {
	c := callerOf(ctx)
	var err error
	if _, known := g.need[info.FullMethodName]; known || c.role == rpc.RoleNone {
		err = g.allow(c, info.FullMethodName)
	}
	if err == nil {
		err = g.begin(ctx, c.uid)
	}
	if err != nil {
		g.refusals.note(ctx, c.uid, err)
		return ctx, rpc.Status(err)
	}
	return awaiting(ctx, g.requestLimit), nil
}

// begin counts a call until ctx ends, which gRPC ends with the call.
func (g *guard) begin(ctx context.Context, uid uint32) error {
	if uid == 0 {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.total >= maxCalls || g.calls[uid] >= maxCallsPerUID {
		return fault.Transient(fault.Busy, "uid %d has %d calls under way, all accounts %d; at most %d and %d are served", uid, g.calls[uid], g.total, maxCallsPerUID, maxCalls)
	}
	g.calls[uid]++
	g.total++
	context.AfterFunc(ctx, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.total--
		if g.calls[uid]--; g.calls[uid] == 0 {
			delete(g.calls, uid)
		}
	})
	return nil
}

// arrival ends the wait for a request.
type arrival struct{ stop func() bool }

type arrivalKey struct{}

// awaiting returns a context that ends with an error if [arrived] is not called in time.
func awaiting(ctx context.Context, limit time.Duration) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(limit, func() { cancel(fault.New(fault.InvalidRequest, "the request did not arrive within %v", limit)) })
	return context.WithValue(ctx, arrivalKey{}, arrival{timer.Stop})
}

func arrived(ctx context.Context) {
	if a, ok := ctx.Value(arrivalKey{}).(arrival); ok {
		a.stop()
	}
}

func (g *guard) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	arrived(ctx)
	defer g.end(ctx, info.FullMethod, time.Now(), &err)
	if err := g.allow(callerOf(ctx), info.FullMethod); err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (g *guard) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	ctx := ss.Context()
	defer g.end(ctx, info.FullMethod, time.Now(), &err)
	c := callerOf(ctx)
	if err := g.allow(c, info.FullMethod); err != nil {
		return err
	}
	timer := time.AfterFunc(g.sendLimit, func() { _ = c.hangUp() })
	defer timer.Stop()
	timer.Stop()
	return next(srv, &patientStream{ss, timer, g.sendLimit})
}

// end turns a panic into an error and logs how the call went.
func (g *guard) end(ctx context.Context, method string, began time.Time, err *error) {
	attrs := []slog.Attr{
		slog.String("method", method), slog.Uint64("uid", uint64(callerOf(ctx).uid)), slog.Duration("duration", time.Since(began)),
	}
	if p := recover(); p != nil {
		*err = fault.New(fault.Internal, "the agent panicked; its journal says where")
		attrs = append(attrs, slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		g.log.LogAttrs(ctx, slog.LevelError, "call panicked", attrs...)
		return
	}
	if fault.ReasonOf(*err) == fault.Busy {
		g.refusals.note(ctx, callerOf(ctx).uid, *err)
		return
	}
	level := slog.LevelInfo
	if *err != nil {
		attrs = append(attrs, slog.String("reason", string(fault.ReasonOf(*err))), slog.Any("err", *err))
		level = slog.LevelWarn
	}
	g.log.LogAttrs(ctx, level, "call", attrs...)
}

// patientStream hangs up on a receiver that takes nothing: gRPC's flow control
// would hold the handler, and its buffers, for as long as the connection lives.
type patientStream struct {
	grpc.ServerStream
	// timer hangs up; it runs while a message is being sent. The messages of a stream
	// are sent in turn (grpc.ServerStream), so a single timer serves.
	timer *time.Timer
	limit time.Duration
}

// RecvMsg receives a message, and ends the wait for the request's arrival.
func (s *patientStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	arrived(s.Context())
	return err
}

// SendMsg sends within the limit.
func (s *patientStream) SendMsg(m any) error {
	s.timer.Reset(s.limit)
	defer s.timer.Stop()
	return s.ServerStream.SendMsg(m)
}
