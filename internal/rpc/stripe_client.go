package rpc

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"google.golang.org/grpc"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// rotor receives a stream over a channel, or several: it reads each message from the call
// that the message before named. So it holds no message back to restore the order; a message
// that comes early waits in its own connection.
type rotor struct {
	client *Client
	req    *artifactv1.StreamRequest

	calls [maxChannels]grpc.ClientStream
	// asked is how many calls were begun or are being begun; opened has each of them
	// when it is.
	asked   int
	opened  [maxChannels]chan begun
	opening sync.WaitGroup
	// named is how many calls have brought something.
	named int
	now   uint32
	left  int64 // bytes to go; more of a delta than there are
	pace  pace
}

// begun is a call that was begun, or the reason why not.
type begun struct {
	stream grpc.ClientStream
	err    error
}

func (c *Client) newRotor(req *artifactv1.StreamRequest) *rotor {
	r := &rotor{client: c, req: req}
	for _, m := range req.GetRanges() {
		r.left += int64(m.GetSize() - m.GetOffset())
	}
	return r
}

// begin makes the first call, and measures the round trip by its headers.
func (r *rotor) begin(ctx context.Context) error {
	if r.client.channels.limit() > 1 {
		r.req.Stripe = &artifactv1.Stripe{Key: rand.Text()}
	}
	stream, err := r.client.images.Stream(ctx, r.req, r.client.streamOptions()...)
	if err != nil {
		return err
	}
	r.calls[0], r.asked, r.named = stream, 1, 1
	if r.req.GetStripe() != nil {
		began := time.Now()
		_, _ = stream.Header() // an error is the first message's, too
		r.pace.since = time.Now()
		r.pace.rtt = r.pace.since.Sub(began)
	}
	return nil
}

func (c *Client) streamOptions() []grpc.CallOption {
	return []grpc.CallOption{grpc.ForceCodecV2(c.codec), grpc.MaxCallRecvMsgSize(maxChunk + 1<<10)}
}

// receive reads the next message.
func (r *rotor) receive(ctx context.Context, c *chunk) error {
	from, err := r.call(ctx, r.now)
	if err != nil {
		return err
	}
	if err := from.RecvMsg(c); err != nil {
		return err
	}
	if c.next >= uint32(r.asked) {
		return fault.New(fault.Internal, "the agent goes on in call %d, and was not asked for it", c.next)
	}
	r.now = c.next
	if r.req.GetStripe() != nil {
		n := int64(len(c.data))
		r.left -= n
		r.widen(ctx, r.pace.took(time.Now(), n, r.left, r.named))
	}
	return nil
}

// call returns a call that the agent has named. The agent may know it before this client does.
func (r *rotor) call(ctx context.Context, index uint32) (grpc.ClientStream, error) {
	if r.calls[index] != nil {
		return r.calls[index], nil
	}
	select {
	case made := <-r.opened[index]:
		r.calls[index] = made.stream
		r.named++
		return made.stream, made.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// widen begins calls on further channels until the stream has so many. It waits for none:
// a call that cannot be made is never named.
func (r *rotor) widen(ctx context.Context, to int) {
	for to = min(to, r.client.channels.limit()); r.asked < to; r.asked++ {
		index := r.asked
		opened := make(chan begun, 1)
		r.opened[index] = opened
		r.opening.Go(func() {
			stream, err := r.join(ctx, index)
			if err != nil && ctx.Err() == nil {
				r.client.channels.narrow(index)
			}
			opened <- begun{stream, err}
		})
	}
}

func (r *rotor) join(ctx context.Context, index int) (grpc.ClientStream, error) {
	conn, err := r.client.channels.get(index)
	if err != nil {
		return nil, err
	}
	return artifactv1.NewImageServiceClient(conn).Stream(ctx, &artifactv1.StreamRequest{
		Repository: r.req.GetRepository(), Stripe: &artifactv1.Stripe{Key: r.req.GetStripe().GetKey(), Index: uint32(index)},
	}, r.client.streamOptions()...)
}

// broke is called when the stream has failed. If that may be a channel's fault, the next
// stream has fewer.
func (r *rotor) broke() {
	if r.named < 2 {
		return
	}
	if r.client.link.failure() == nil {
		r.client.channels.narrow(r.named / 2)
	}
	r.client.channels.drop()
}

// wait returns once nothing is being opened any more; the calls' context has ended.
func (r *rotor) wait() { r.opening.Wait() }
