package agent

import (
	"cmp"
	"context"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

// sendLimit is how long a receiver may leave a stream's next message lying. It is
// long: the controller loads a layer into an engine between two chunks.
const sendLimit = 15 * time.Minute

// foreign are the services of gRPC's own that are served: their methods tell no
// more than HostService.Describe does, so they need the same role.
func foreign(service string) bool {
	switch service {
	case "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection":
		return true
	}
	return false
}

// guard stands before every handler: it checks the role, stops a panic from being
// the agent's end, and writes the log.
type guard struct {
	log       *slog.Logger
	sendLimit time.Duration
	// need is the role for each registered method, by full name. What is not in it,
	// or needs ROLE_UNSPECIFIED, is refused.
	need map[string]artifactv1.Role
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
	wanted := strings.ToLower(strings.TrimPrefix(need.String(), "ROLE_"))
	return fault.New(fault.RoleMissing, "%s needs the role %s, uid %d has %s", method, wanted, c.uid, cmp.Or(c.role, "none")).
		WithHint("on the agent's host, as root: list the account under roles.%s in agent.yaml and restart unidesk-agent", wanted)
}

func (g *guard) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
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
	// timer hangs up; it runs while a message is being sent. Messages of a stream
	// are sent one after the other (grpc.ServerStream), so one serves.
	timer *time.Timer
	limit time.Duration
}

// SendMsg sends within the limit.
func (s *patientStream) SendMsg(m any) error {
	s.timer.Reset(s.limit)
	defer s.timer.Stop()
	return s.ServerStream.SendMsg(m)
}
