package tunnel

import (
	"context"
	"errors"
	"sync"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Trunk is a way to an agent that carries several connections. Over ssh all of them share
// the connection that Dial makes: further ones cost no handshake and no log-in. Each has a
// window of its own, 2 MiB in OpenSSH, which bounds what it carries in a round trip.
//
// It is safe for concurrent use. It holds nothing but its connections.
type Trunk struct {
	config Config

	mu   sync.Mutex
	room *room // with the socket of the last ssh that Dial started
}

// NewTrunk returns a way to the agent. It connects to nothing yet.
func NewTrunk(c Config) *Trunk { return &Trunk{config: c} }

// Dial opens a connection as [Dial] does. Its end is the end of those that Branch opened
// over it.
func (t *Trunk) Dial(ctx context.Context) (*Conn, error) {
	if t.config.SSH == nil {
		return Dial(ctx, t.config)
	}
	r, err := newRoom()
	if err != nil { // no fit folder: a connection without branches
		return Dial(ctx, t.config)
	}
	conn, err := dial(ctx, t.config, sharing{path: r.socket()})
	if err != nil {
		r.close()
		if errors.Is(err, errNoSocket) {
			return Dial(ctx, t.config)
		}
		return nil, err
	}
	conn.stream = roomed{conn.stream, r}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.room = r
	return conn, nil
}

// Branch opens a further connection: over ssh on the connection that the last Dial made,
// and never by another connection; else as Dial does.
//
// HOST_UNREACHABLE (with a retry) when there is no such connection any more, or when the
// host serves no more sessions on it (sshd's MaxSessions).
func (t *Trunk) Branch(ctx context.Context) (*Conn, error) {
	if t.config.SSH == nil {
		return Dial(ctx, t.config)
	}
	t.mu.Lock()
	r := t.room
	t.mu.Unlock()
	if r == nil || r.closed() {
		return nil, fault.Transient(fault.HostUnreachable, "no connection to %s has room for another", t.config.Name())
	}
	return dial(ctx, t.config, sharing{path: r.socket(), rides: true})
}

// roomed is a stream whose ssh listens in a room. The room goes with it.
type roomed struct {
	stream
	room *room
}

func (r roomed) close() {
	r.stream.close()
	r.room.close()
}
