package rpc

import (
	"context"
	"errors"
	"io"
	"path"
	"sync"

	"google.golang.org/grpc"

	"github.com/pikasTech/unidesk-artifact-cd/internal/trace"
)

// traced are the options of a connection that have its calls written to the trace of their
// context, with the agent's host. A call's request and answer are left out.
func traced(host string) []grpc.DialOption {
	name := func(method string) string { return "call " + path.Base(method) + " of the agent on " + host }
	return []grpc.DialOption{
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			ended := trace.Act(ctx, name(method))
			err := invoke(ctx, method, req, reply, conn, opts...)
			ended(err)
			return err
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			ended := trace.Act(ctx, name(method))
			stream, err := open(ctx, desc, conn, method, opts...)
			if err != nil {
				ended(err)
				return nil, err
			}
			return &tracedStream{ClientStream: stream, ended: ended}, nil
		}),
	}
}

// tracedStream is a stream whose end is traced once it was read to it.
type tracedStream struct {
	grpc.ClientStream

	once  sync.Once
	ended func(error)
}

// RecvMsg implements [grpc.ClientStream].
func (s *tracedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err != nil {
		s.once.Do(func() {
			if errors.Is(err, io.EOF) {
				s.ended(nil)
				return
			}
			s.ended(err)
		})
	}
	return err
}
