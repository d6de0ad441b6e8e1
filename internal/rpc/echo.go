package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Echoed is what [Echo] saw.
type Echoed struct {
	// Bytes were sent, and came back as they were.
	Bytes int `json:"bytes"`
	// Median and Slowest are round trips of a few bytes after which nothing followed.
	Median  time.Duration `json:"-"`
	Slowest time.Duration `json:"-"`
}

// Echo shows that the path of conn, which must be fresh and is used up, is 8-bit
// clean and unbuffered. It sends the agent HTTP/2 PING frames whose payloads hold
// each of the 256 byte values, and what terminals and ssh act on, and wants each
// payload back (RFC 9113, 6.7) before it sends anything more, within patience.
//
// So each value crosses unchanged both ways, and no part of the path waits for more
// before it passes a few bytes on. It shows nothing of how fast many bytes cross.
func Echo(ctx context.Context, conn net.Conn, patience time.Duration) (Echoed, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	e := newEcho(conn)
	var took []time.Duration
	payloads := echoPayloads()
	for pair := range slices.Chunk(payloads, 2) {
		begun := time.Now()
		_ = conn.SetDeadline(begun.Add(patience))
		if err := e.exchange(pair); err != nil {
			if ctx.Err() != nil {
				return Echoed{}, context.Cause(ctx)
			}
			return Echoed{}, e.explain(err, patience)
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	return Echoed{Bytes: e.back, Median: took[len(took)/2], Slowest: took[len(took)-1]}, nil
}

// echoPayloads are what is sent, eight bytes each.
func echoPayloads() (all [][8]byte) {
	for i := 0; i < 256; i += 8 {
		var p [8]byte
		for k := range p {
			p[k] = byte(i + k)
		}
		all = append(all, p)
	}
	for _, text := range []string{
		"\r\n\n\r\n\r\r\n",                 // line ends, which a terminal rewrites
		"\n~.\n~?\r~",                      // ssh's escapes
		"\x04\x03\x1a\x1c\x15\x17\x16\x7f", // end of file, signals, line editing
		"\x11\x13\x00\xff\x00\xff\x13\x11", // flow control, telnet's IAC
	} {
		all = append(all, [8]byte([]byte(text)))
	}
	return all
}

// errChanged is in the chain of an error about bytes that came back as others.
var errChanged = errors.New("the path changes bytes")

type echo struct {
	frames *http2.Framer
	out    *bytes.Buffer
	conn   net.Conn
	stream uint32
	begun  bool
	heard  bool // a frame came
	back   int
}

func newEcho(conn net.Conn) *echo {
	out := &bytes.Buffer{}
	e := &echo{frames: http2.NewFramer(out, conn), out: out, conn: conn, stream: 1}
	e.frames.SetMaxReadFrameSize(64 << 10)
	return e
}

// exchange sends a pair of payloads, in one write and with a request for a method
// that does not exist: gRPC takes more pings than two without an answer of its own
// between them for an attack.
func (e *echo) exchange(pair [][8]byte) error {
	if !e.begun {
		e.begun = true
		e.out.WriteString(http2.ClientPreface)
		_ = e.frames.WriteSettings()
	}
	for _, p := range pair {
		_ = e.frames.WritePing(false, p)
	}
	_ = e.frames.WriteHeaders(http2.HeadersFrameParam{StreamID: e.stream, BlockFragment: nobody(), EndHeaders: true, EndStream: true})
	answered := false
	for len(pair) > 0 || !answered {
		if err := e.flush(); err != nil {
			return err
		}
		frame, err := e.frames.ReadFrame()
		if err != nil {
			return err
		}
		e.heard = true
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = e.frames.WriteSettingsAck()
			}
		case *http2.PingFrame:
			switch {
			case !f.IsAck():
				_ = e.frames.WritePing(true, f.Data)
			case len(pair) == 0 || f.Data != pair[0]:
				return fmt.Errorf("%w: of % x came back % x", errChanged, pair, f.Data)
			default:
				pair, e.back = pair[1:], e.back+len(f.Data)
			}
		case *http2.HeadersFrame:
			answered = answered || f.StreamID == e.stream
		case *http2.RSTStreamFrame:
			answered = answered || f.StreamID == e.stream
		case *http2.GoAwayFrame:
			return fmt.Errorf("%w: the agent gave up reading it (%v)", errChanged, f.ErrCode)
		}
	}
	e.stream += 2
	return nil
}

// flush writes what was framed, in a single write.
func (e *echo) flush() error {
	if e.out.Len() == 0 {
		return nil
	}
	_, err := e.conn.Write(e.out.Bytes())
	e.out.Reset()
	return err
}

// nobody is the header list of a request that no service answers to.
func nobody() []byte {
	var b bytes.Buffer
	list := hpack.NewEncoder(&b)
	for _, f := range [][2]string{
		{":method", "POST"},
		{":scheme", "http"},
		{":path", "/unidesk.artifact.v1.HostService/Nothing"},
		{":authority", "agent"},
		{"content-type", "application/grpc"},
		{"te", "trailers"},
	} {
		_ = list.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	return b.Bytes()
}

// explain returns what a failed exchange shows.
func (e *echo) explain(err error, patience time.Duration) error {
	const hint = "nothing between the two may be a terminal, a relay of lines or of text: ssh -T, no script(1), no expect, no tee"
	const unheard = "if the agent runs, " + hint + "; else on its host: systemctl status unidesk-agent.socket unidesk-agent.service"
	known := (*fault.Error)(nil)
	switch {
	case errors.As(err, &known):
		return err // the connection's own: why it ended
	case !e.heard && errors.Is(err, os.ErrDeadlineExceeded):
		return fault.New(fault.Stalled, "no byte came back within %v: the agent does not answer, or the path holds bytes back, or changes some", patience).WithHint(unheard)
	case !e.heard && errors.Is(err, io.EOF):
		return fault.New(fault.NotAnAgent, "the connection ended before a byte came back: the agent does not answer, or the path changes bytes").WithHint(unheard)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fault.New(fault.Stalled, "after %d bytes nothing came back within %v: the path holds bytes back, or changes some", e.back, patience).WithHint(hint)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe):
		return fault.New(fault.NotAnAgent, "after %d bytes the connection ended: the path changes bytes", e.back).WithHint(hint)
	case errors.Is(err, errChanged):
		return fault.New(fault.NotAnAgent, "after %d bytes: %w", e.back, err).WithHint(hint)
	default:
		return fault.New(fault.NotAnAgent, "after %d bytes: %w: %w", e.back, errChanged, err).WithHint(hint)
	}
}
