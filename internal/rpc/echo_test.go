package rpc

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// altered is a connection whose bytes are changed on their way.
type altered struct {
	net.Conn
	there, back func([]byte) []byte
	left        []byte
}

func (c *altered) Write(p []byte) (int, error) {
	if c.there == nil {
		return c.Conn.Write(p)
	}
	if q := c.there(bytes.Clone(p)); len(q) > 0 {
		if _, err := c.Conn.Write(q); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (c *altered) Read(p []byte) (int, error) {
	if c.back == nil {
		return c.Conn.Read(p)
	}
	for len(c.left) == 0 {
		b := make([]byte, 4096)
		n, err := c.Conn.Read(b)
		if err != nil {
			return 0, err
		}
		c.left = c.back(b[:n])
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	return n, nil
}

func replace(old, with string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(old), []byte(with)) }
}

func sevenBits(b []byte) []byte {
	for i := range b {
		b[i] &= 0x7f
	}
	return b
}

// hold passes bytes on by the block, as a program does that writes to a pipe by
// its library's rules.
func hold(block int) func([]byte) []byte {
	var held []byte
	return func(b []byte) (full []byte) {
		held = append(held, b...)
		n := len(held) / block * block
		full, held = bytes.Clone(held[:n]), held[n:]
		return full
	}
}

func TestOnlyACleanAndUnbufferedPathPassesAsOne(t *testing.T) {
	t.Parallel()
	const changes, holds = "the path changes bytes", "holds bytes back"
	for name, c := range map[string]struct {
		there, back func([]byte) []byte
		want        string
	}{
		"a clean path":                            {},
		"seven bits there":                        {there: sevenBits, want: " "},
		"seven bits back":                         {back: sevenBits, want: changes},
		"a terminal's line ends there":            {there: replace("\n", "\r\n"), want: " "},
		"a terminal's line ends back":             {back: replace("\n", "\r\n"), want: " "},
		"carriage returns become line feeds back": {back: replace("\r", "\n"), want: changes},
		"flow control is swallowed back":          {back: replace("\x11", ""), want: " "},
		"an interrupt character becomes a word":   {there: replace("\x03\x1a", "^C"), want: changes},
		"one value is another there":              {there: replace("\xfe", "\xef"), want: changes},
		"blocks of 4096 there":                    {there: hold(4096), want: holds},
		"blocks of 4096 back":                     {back: hold(4096), want: holds},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, func(s *grpc.Server) { Register(s, fakeHost{}, nil, nil) })
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", a.path)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			got, err := Echo(t.Context(), &altered{Conn: conn, there: c.there, back: c.back}, time.Second)
			switch {
			case c.want == "" && (err != nil || got.Bytes != 8*36 || got.Slowest < got.Median || got.Median <= 0):
				t.Errorf("%+v, %v", got, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || fault.HintOf(err) == ""):
				t.Errorf("%+v, %v, want %q and a hint", got, err, c.want)
			}
		})
	}
}

func TestEveryByteValueIsSent(t *testing.T) {
	t.Parallel()
	var seen [256]bool
	for _, p := range echoPayloads() {
		for _, b := range p {
			seen[b] = true
		}
	}
	for value, sent := range seen {
		if !sent {
			t.Errorf("%#x is not sent", value)
		}
	}
}

func TestAnEchoThatIsGivenUpSaysSo(t *testing.T) {
	t.Parallel()
	mine, other := net.Pipe()
	defer other.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(10*time.Millisecond, func() { cancel(fault.New(fault.HostUnreachable, "enough")) })
	if _, err := Echo(ctx, mine, time.Minute); err == nil || err.Error() != "enough" {
		t.Errorf("%v", err)
	}
}

// systemd takes the connection for an agent that does not start. That is not the path's fault.
func TestAnEchoWithoutAnyAnswerNamesTheAgentFirst(t *testing.T) {
	t.Parallel()
	for name, hangUp := range map[string]bool{"it is silent": false, "it hangs up": true} {
		mine, other := net.Pipe()
		var far sync.WaitGroup
		far.Go(func() {
			_, _ = other.Read(make([]byte, 1<<10))
			if hangUp {
				_ = other.Close()
			}
		})
		_, err := Echo(t.Context(), mine, 50*time.Millisecond)
		if err == nil || !strings.Contains(err.Error(), "the agent does not answer") || !strings.HasSuffix(fault.HintOf(err), "on its host: systemctl status unidesk-agent.socket unidesk-agent.service") {
			t.Errorf("%s: %v, %q", name, err, fault.HintOf(err))
		}
		_, _ = mine.Close(), other.Close()
		far.Wait()
	}
}
