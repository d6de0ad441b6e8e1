package grant

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"strings"
)

// What ssh-keygen puts around a signature (openssh PROTOCOL.sshsig).
const (
	armour = "SSH SIGNATURE"
	magic  = "SSHSIG"
	begin  = "-----BEGIN " + armour + "-----"
)

// signature is a signature of ssh-keygen's, parsed so that a refusal can name what is
// wrong with it and a receipt its key. Only ssh-keygen decides whether it is good.
type signature struct {
	// armoured is written again from what was read, so that what is judged is what
	// was looked at.
	armoured  []byte
	key       []byte
	namespace string
}

// split takes a grant's file apart.
func split(file []byte) (statement string, sig signature, err error) {
	text := string(file)
	at := strings.Index(text, begin)
	if at < 0 {
		// Refuse a file of another kind first.
		if _, err := parseStatement(text); err != nil {
			return "", signature{}, err
		}
		return "", signature{}, invalid("the grant is not signed: it is the statement alone")
	}
	block, rest := pem.Decode(file[at:])
	if block == nil || block.Type != armour || len(block.Headers) > 0 || len(bytes.TrimSpace(rest)) > 0 {
		return "", signature{}, invalid("the signature in the grant is damaged, or something follows it")
	}
	if sig, err = parseSignature(block.Bytes); err != nil {
		return "", signature{}, invalid("the signature in the grant is damaged: %w", err)
	}
	return text[:at], sig, nil
}

func parseSignature(b []byte) (signature, error) {
	rest, ok := bytes.CutPrefix(b, []byte(magic))
	if !ok || len(rest) < 4 {
		return signature{}, errors.New("it is not ssh-keygen's")
	}
	rest = rest[4:] // the version, which ssh-keygen checks
	key, rest, ok1 := field(rest)
	namespace, _, ok2 := field(rest)
	if !ok1 || !ok2 {
		return signature{}, errors.New("it is cut short")
	}
	return signature{pem.EncodeToMemory(&pem.Block{Type: armour, Bytes: b}), key, string(namespace)}, nil
}

// field reads a string of RFC 4251, section 5.
func field(b []byte) (value, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if b = b[4:]; uint64(n) > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// fingerprint is the key's, as ssh-keygen -l prints it.
func (s signature) fingerprint() string {
	sum := sha256.Sum256(s.key)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}
