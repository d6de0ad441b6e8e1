package leak

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

const odd = `/+&<>"\ =%?`

func finds(secret Secret, said []byte) bool {
	d := NewDetector(secret)
	d.Search("here", said)
	findings, searched := d.Found()
	return len(findings) > 0 && searched == len(said)
}

// Each form is made by what makes it in real life, of a text that the secret is in
// the middle of, at every distance from its beginning.
func TestASecretIsFoundInEveryForm(t *testing.T) {
	t.Parallel()
	structured := func(encode func(v any) ([]byte, error)) func(string) []byte {
		return func(text string) []byte {
			b, err := encode(struct{ Line string }{text})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
	}
	encoders := map[string]func(text string) []byte{
		"as it is": func(text string) []byte { return []byte(text) },
		"JSON":     structured(json.Marshal),
		"JSON that is not for HTML": structured(func(v any) ([]byte, error) {
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			err := e.Encode(v)
			return b.Bytes(), err
		}),
		"base64":          func(text string) []byte { return []byte(base64.StdEncoding.EncodeToString([]byte(text))) },
		"raw base64":      func(text string) []byte { return []byte(base64.RawStdEncoding.EncodeToString([]byte(text))) },
		"base64 of a URL": func(text string) []byte { return []byte(base64.URLEncoding.EncodeToString([]byte(text))) },
		"JSON's bytes":    structured(func(v any) ([]byte, error) { return json.Marshal([]byte(fmt.Sprint(v))) }),
		"hex":             func(text string) []byte { return []byte(hex.EncodeToString([]byte(text))) },
		"hex by a format": func(text string) []byte { return fmt.Appendf(nil, "%X", text) },
		"a query":         func(text string) []byte { return []byte(url.Values{"q": {text}}.Encode()) },
		"a path":          func(text string) []byte { return []byte("/" + url.PathEscape(text)) },
		"Go's quotes":     func(text string) []byte { return fmt.Appendf(nil, "%q", text) },
		"bytes, printed":  func(text string) []byte { return fmt.Appendf(nil, "%v", []byte(text)) },
		"a log": func(text string) []byte {
			var b bytes.Buffer
			slog.New(slog.NewTextHandler(&b, nil)).Info("said", slog.String("text", text))
			return b.Bytes()
		},
		"a web page": func(text string) []byte {
			var b bytes.Buffer
			if err := xml.EscapeText(&b, []byte(text)); err != nil {
				t.Fatal(err)
			}
			return b.Bytes()
		},
	}
	for _, secret := range []Secret{NewSecret("plain", ""), NewSecret("odd", odd), NewSecret("control", "<\"\x7f")} {
		for form, encode := range encoders {
			for distance := range 7 {
				if text := strings.Repeat("x", distance) + secret.Value + " and more"; !finds(secret, encode(text)) {
					t.Errorf("%s, after %d others: not found as %s in %s", secret.Name, distance, form, encode(text))
				}
				if other := strings.Repeat("x", distance) + NewSecret("another", odd).Value + " and more"; finds(secret, encode(other)) {
					t.Errorf("%s: found as %s where another one is", secret.Name, form)
				}
			}
		}
		if lines := secret.Forms(); !finds(secret, lines) || bytes.Count(lines, []byte("\n")) != len(secret.forms) {
			t.Errorf("the forms of %s are %q", secret.Name, lines)
		}
	}
}

// connection returns what an end sends with a single header field or message.
func connection(t *testing.T, preface string, field hpack.HeaderField, messages ...[]byte) []byte {
	t.Helper()
	var sent, block bytes.Buffer
	sent.WriteString(preface)
	for _, f := range []hpack.HeaderField{{Name: ":status", Value: "200"}, field} {
		if err := hpack.NewEncoder(&block).WriteField(f); err != nil {
			t.Fatal(err)
		}
	}
	framer := http2.NewFramer(&sent, nil)
	if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if err := framer.WriteData(1, false, m); err != nil {
			t.Fatal(err)
		}
	}
	return sent.Bytes()
}

// None of these has the secret's bytes in a row.
func TestASecretIsFoundInGRPC(t *testing.T) {
	t.Parallel()
	secret := NewSecret("odd", odd)
	value := []byte("before " + secret.Value)
	message := append([]byte{0, 0, 0, 0, byte(len(value))}, value...)
	for name, sent := range map[string][]byte{
		"an error's words": connection(t, tunnel.Preface, hpack.HeaderField{Name: "grpc-message", Value: strings.ReplaceAll(string(value), "%", "%25")}),
		"an error's details": connection(t, tunnel.Preface, hpack.HeaderField{
			Name: "grpc-status-details-bin", Value: base64.RawStdEncoding.EncodeToString(fmt.Appendf(nil, "%q", value)),
		}),
		"a caller's metadata":   connection(t, http2.ClientPreface, hpack.HeaderField{Name: "who", Value: string(value)}),
		"a message in two":      connection(t, http2.ClientPreface, hpack.HeaderField{Name: "te", Value: "trailers"}, message[:20], message[20:]),
		"a message that breaks": append(connection(t, tunnel.Preface, hpack.HeaderField{Name: "te"}, message[:20], message[20:]), 0, 0, 9),
	} {
		if finds(secret, sent) {
			t.Errorf("%s: it is no test, the secret is there as it is", name)
		}
		d := NewDetector(secret)
		if _, err := d.SearchGRPC("here", sent); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if findings, _ := d.Found(); len(findings) != 1 {
			t.Errorf("%s: %q", name, findings)
		}
	}
	for name, sent := range map[string][]byte{
		"no connection":        []byte("Last login: Thu"),
		"a compressed message": connection(t, tunnel.Preface, hpack.HeaderField{Name: "te"}, []byte{1, 0, 0, 0, 2, 'h', 'i'}),
	} {
		if _, err := NewDetector(secret).SearchGRPC("here", sent); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestASecretIsFoundInFilesOutputAndCommandLines(t *testing.T) {
	t.Parallel()
	secret := NewSecret("plain", "")
	d := NewDetector(secret)
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"below/private": 0o600, "below/public": 0o604} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(secret.Value), mode); err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	d.SearchFiles(dir, func(string, os.FileInfo) bool { seen++; return false })
	if findings, _ := d.Found(); seen != 2 || len(findings) != 3 {
		t.Errorf("%d files seen, %q", seen, findings)
	}

	d = NewDetector(secret)
	said := exec.CommandContext(t.Context(), "sh", "-c", "cat >&2; echo on stdout; exit 3")
	said.Stdin = strings.NewReader(secret.Value)
	exit, stdout, stderr, err := d.Run(said)
	if findings, _ := d.Found(); err != nil || exit != 3 || string(stdout) != "on stdout\n" || string(stderr) != secret.Value || len(findings) != 1 {
		t.Errorf("exit %d: %q and %q, %q (%v)", exit, stdout, stderr, findings, err)
	}
	if _, _, _, err := d.Run(exec.CommandContext(t.Context(), "/no/such/program")); err == nil {
		t.Error("a program that is not there: no error")
	}

	d = NewDetector(secret)
	process := exec.CommandContext(t.Context(), "sh", "-c", "read wait", secret.Value)
	stdin, err := process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	d.Watch(ctx, func(line string) {
		if strings.Contains(line, secret.Value) {
			stop()
		}
	}, func() {})
	stop()
	if findings, _ := d.Found(); len(findings) != 1 || !strings.HasPrefix(findings[0], "a command line: plain") {
		t.Errorf("%q", findings)
	}
	_ = stdin.Close()
	if err := process.Wait(); err == nil {
		t.Error("read reached no end of its input")
	}
}
