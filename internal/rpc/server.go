package rpc

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
)

// Register puts the services of a host and its images on a server made with
// ServerOptions; [Registry] and [Workloads] register themselves. Without images their
// service is not registered and gRPC answers UNIMPLEMENTED, as an agent does that never
// heard of it. Without deltas each layer is sent whole.
func Register(s grpc.ServiceRegistrar, host Host, images Images, deltas Deltas) {
	artifactv1.RegisterHostServiceServer(s, &hostServer{host: host})
	if images != nil {
		artifactv1.RegisterImageServiceServer(s, newImageServer(images, deltas))
	}
}

// ServerOptions are the limits and the outermost interceptors of an agent's
// server. gRPC's defaults are those of a trusted network: no deadline, 2 GiB out,
// 16 MiB of headers, idle connections for ever.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(maxRequest),
		grpc.MaxSendMsgSize(maxResolve),
		grpc.MaxHeaderListSize(maxHeaders),
		// The most a connection can have going; the controller has 1 or 2.
		grpc.MaxConcurrentStreams(16),
		grpc.ConnectionTimeout(10 * time.Second),
		// Requests are small. A static window keeps the estimator from growing it for
		// a client that only wants to fill memory.
		grpc.StaticStreamWindowSize(64 << 10),
		grpc.StaticConnWindowSize(256 << 10),
		grpc.WriteBufferSize(128 << 10),
		grpc.ReadBufferSize(16 << 10),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 20 * time.Second}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			// Longer than a deploy leaves its connection alone, while it proves.
			MaxConnectionIdle: 15 * time.Minute,
			// A last resort for streams without a receiver. Over a slow link a client's
			// answer waits behind megabytes in ssh's buffers; ssh is what notices a dead
			// connection quickly.
			Time:    5 * time.Minute,
			Timeout: 5 * time.Minute,
		}),
		grpc.ChainUnaryInterceptor(faultsOfUnary, deadlines),
		grpc.ChainStreamInterceptor(faultsOfStream),
	}
}

// faultsOfUnary and faultsOfStream turn faults into statuses.
func faultsOfUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	resp, err := next(ctx, req)
	return resp, Status(err)
}

func faultsOfStream(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	return Status(next(srv, ss))
}

// unaryDeadline is the most that a method may take, whatever its client grants.
func unaryDeadline(method string) time.Duration {
	switch method {
	case artifactv1.HostService_Describe_FullMethodName, artifactv1.RegistryService_Inspect_FullMethodName:
		return 15 * time.Second
	case artifactv1.WorkloadService_Settle_FullMethodName:
		return settleLimit // taking a change back is as long as Compose takes
	default:
		return time.Minute
	}
}

func deadlines(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, unaryDeadline(info.FullMethod))
	defer cancel()
	return next(ctx, req)
}
