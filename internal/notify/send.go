package notify

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/trace"
)

// patience is how long a program or a webhook has.
const patience = 30 * time.Second

// Delivery is how a notice was sent.
type Delivery struct {
	// To is command or webhook.
	To string `json:"to"`
	// Error is why it did not arrive, "" if it did.
	Error string `json:"error,omitempty"`
}

// Send sends a notice to all that the configuration has, and returns how each delivery went.
// Each takes at most 30 s.
func (c Config) Send(ctx context.Context, n Notice) (all []Delivery) {
	send := func(to string, how func(ctx context.Context, body []byte) error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		body, err := n.encode()
		if err == nil {
			err = how(ctx, body)
		}
		d := Delivery{To: to}
		if err != nil {
			d.Error = plain.Line(err.Error())
		}
		all = append(all, d)
	}
	if len(c.Command) > 0 {
		send("command", c.run)
	}
	if c.Webhook != nil {
		send("webhook", c.Webhook.post)
	}
	return all
}

// encode returns the notice as JSON in which nothing acts on a terminal.
func (n Notice) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(n); err != nil {
		return nil, err
	}
	return []byte(plain.Escaped(b.String())), nil
}

// run starts the program in a process group of its own, which the timeout ends.
func (c Config) run(ctx context.Context, body []byte) error {
	cmd := exec.CommandContext(ctx, c.Command[0], c.Command[1:]...)
	cmd.Dir, cmd.Stdin, cmd.WaitDelay = "/", bytes.NewReader(body), time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var words tail
	cmd.Stdout, cmd.Stderr = &words, &words
	ended := trace.Program(ctx, c.Command[0]) // its further words may hold a secret
	err := cmd.Run()
	ended(err)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s did not end within %s", c.Command[0], patience)
	case err != nil && words.String() != "":
		return fmt.Errorf("%s: %w: %s", c.Command[0], err, words.String())
	case err != nil:
		return fmt.Errorf("%s: %w", c.Command[0], err)
	}
	return nil
}

// tail keeps the last bytes that were written to it.
type tail []byte

const mostTail = 512

func (t *tail) Write(p []byte) (int, error) {
	*t = append(*t, p...)
	*t = (*t)[max(0, len(*t)-mostTail):]
	return len(p), nil
}

func (t *tail) String() string { return strings.Join(strings.Fields(string(*t)), " ") }

// post sends the body. It follows no redirect: the headers are for this address alone.
func (w Webhook) post(ctx context.Context, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("the webhook's url is no address")
	}
	if r.Header, err = w.headers(); err != nil {
		return err
	}
	if r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		if with := (*url.Error)(nil); errors.As(err, &with) {
			err = with.Err // the whole has the URL
		}
		return fmt.Errorf("the webhook at %s: %w", r.URL.Host, err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection ends in order
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("the webhook at %s answered %s, want 2xx", r.URL.Host, answer.Status)
	}
	return nil
}

// headers reads the file of headers.
func (w Webhook) headers() (http.Header, error) {
	if w.HeadersFile == "" {
		return http.Header{}, nil
	}
	content, err := statefile.ReadFile(w.HeadersFile, statefile.Most)
	if err != nil {
		return nil, fmt.Errorf("read the webhook's headers: %w", err)
	}
	header, err := textproto.NewReader(bufio.NewReader(io.MultiReader(bytes.NewReader(content), strings.NewReader("\r\n\r\n")))).ReadMIMEHeader()
	if err != nil { // its words have the line, which may be secret
		return nil, fmt.Errorf("%s has a line that is not `Name: value`", w.HeadersFile)
	}
	return http.Header(header), nil
}
