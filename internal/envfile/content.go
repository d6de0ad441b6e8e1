// Package envfile edits the controlled env file, which every service of a Compose
// project shares and which holds its secrets. It reads the file as Compose does,
// replaces the keys of a deploy and nothing else, and reverts that byte for byte. What
// it reads never leaves it but as a key's presence and length: no error quotes a line,
// since a malformed line may be half a secret.
package envfile

import (
	"bytes"
	"log/slog"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Redacted stands in place of a secret.
const Redacted = "[redacted]"

// Content is an env file that was read: well formed, and full of secrets, which
// no way of printing it shows.
type Content struct {
	raw        []byte
	statements []statement
	values     map[string]string
}

// Parse reads b as Compose would. The name is for the error, ENV_FILE_INVALID, which
// has a line's number and never its content.
func Parse(name string, b []byte) (Content, error) {
	if isUTF16(b) {
		return Content{}, fault.New(fault.EnvFileInvalid, "env file %s is UTF-16: Compose reads UTF-8", name).
			WithHint("save %s as UTF-8, for example: iconv -f UTF-16 -t UTF-8", name)
	}
	statements, bad := scan(b)
	if bad == nil {
		var values map[string]string
		if values, bad = evaluate(b, statements); bad == nil {
			return Content{raw: b, statements: statements, values: values}, nil
		}
	}
	return Content{}, bad.fault(name)
}

// isUTF16 knows a file that an editor of Windows saved: by its first bytes, or by the
// null byte of every other character.
func isUTF16(b []byte) bool {
	return bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) || len(b) > 1 && bytes.Count(b, []byte{0}) >= len(b)/3
}

// Lookup returns the value of a key as Compose sees it.
func (c Content) Lookup(key string) (string, bool) {
	v, ok := c.values[key]
	return v, ok
}

// Deploy returns the keys of a deploy, without the prefix.
func (c Content) Deploy(prefix string) map[string]string {
	found := make(map[string]string)
	for _, k := range workload.Keys() {
		if v, ok := c.values[prefix+k]; ok {
			found[k] = v
		}
	}
	return found
}

// Presence returns of each name whether it has a value and how many bytes that has.
func (c Content) Presence(names []string) []workload.Secret {
	secrets := make([]workload.Secret, 0, len(names))
	for _, name := range names {
		v := c.values[name]
		secrets = append(secrets, workload.Secret{Name: name, Present: v != "", Length: len(v)})
	}
	return secrets
}

// Values returns the values of all keys but those that deploys write. It is for a
// scrubber and for nothing else.
func (c Content) Values() []string {
	var values []string
	for k, v := range c.values {
		if v != "" && !isDeployKey(k) {
			values = append(values, v)
		}
	}
	return values
}

func isDeployKey(key string) bool {
	for _, k := range workload.Keys() {
		if strings.HasPrefix(key, "UNIDESK_") && strings.HasSuffix(key, "_DEPLOY_"+k) {
			return true
		}
	}
	return false
}

// String implements fmt.Stringer without telling anything.
func (Content) String() string { return Redacted }

// GoString implements fmt.GoStringer likewise.
func (Content) GoString() string { return Redacted }

// LogValue implements slog.LogValuer likewise.
func (Content) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText implements encoding.TextMarshaler, and so json.Marshaler, likewise.
func (Content) MarshalText() ([]byte, error) { return []byte(Redacted), nil }
