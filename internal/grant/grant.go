// Package grant lets a supervisor allow a single deploy: a small file that names a
// service, an environment, a commit and a time, under an SSH signature. The system's
// ssh-keygen judges the signature, as sshd would judge the key; nothing here does
// cryptography.
//
// It refuses what was signed for anything else, by any other person, for longer than a
// day, or was used before. The danger is in two files: an account that can write the
// allowed signers can grant itself, so a file that others can write is refused, and an
// account that can remove the records of use can use a grant again until it expires.
package grant

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Namespace is what a grant is signed for (ssh-keygen(1), -n): a signature that
// the same key made of an e-mail or a Git commit is none of ours.
const Namespace = "grant@artifact.unidesk"

const (
	// version begins a statement.
	version = "unidesk-grant/1"
	// usual is for how long a drafted grant holds, longest what is accepted.
	usual   = 4 * time.Hour
	longest = 24 * time.Hour
	// skew is how far a supervisor's clock may be ahead of ours. It stretches
	// longest and nothing else: an expired grant is expired.
	skew = 5 * time.Minute
)

// Deploy is what can be granted.
type Deploy struct {
	Service artifact.ServiceID `json:"service"`
	Env     artifact.Env       `json:"env"`
	Commit  artifact.Commit    `json:"commit"`
}

// Statement is what a supervisor signs, and all that he allows.
type Statement struct {
	Deploy
	// Expires is in UTC and whole seconds.
	Expires time.Time `json:"expires"`
	// Nonce distinguishes this grant from any other: 32 lower-case hex digits.
	Nonce string `json:"nonce"`
}

// Draft returns a new, unsigned statement of a deploy.
func Draft(d Deploy, now time.Time) Statement {
	nonce := make([]byte, 16)
	rand.Read(nonce)
	return Statement{Deploy: d, Expires: now.Add(usual).UTC().Truncate(time.Second), Nonce: hex.EncodeToString(nonce)}
}

// Bytes is the statement's text, the only way to write it: a signature is over bytes.
func (s Statement) Bytes() []byte {
	return fmt.Appendf(nil, "%s\nservice: %s\nenvironment: %s\ncommit: %s\nexpires: %s\nnonce: %s\n",
		version, s.Service, s.Env, s.Commit, s.Expires.UTC().Format(time.RFC3339), s.Nonce)
}

// Commands are the lines by which a supervisor makes a grant of a statement that
// is in the file grant.txt: sign it, and put the signature behind it.
func Commands() []string {
	return []string{
		"ssh-keygen -Y sign -f ~/.ssh/id_ed25519 -n " + Namespace + " grant.txt",
		"cat grant.txt grant.txt.sig > deploy.grant",
	}
}

// Grant is a statement that an allowed signer has signed.
type Grant struct {
	Statement
	// Signer is what the allowed signers call the key's owner, Key its fingerprint.
	Signer string `json:"signer"`
	Key    string `json:"key"`
}

var nonceForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

// parseStatement reads a statement and accepts no other way to write it.
func parseStatement(text string) (s Statement, err error) {
	first, rest, _ := strings.Cut(text, "\n")
	switch {
	case strings.HasPrefix(first, "unidesk-grant/") && first != version:
		return s, invalid("it is a grant in the form %q, this controller knows %s", brief(first), version)
	case first != version:
		return s, invalid("it is not a grant: its first line is not %s", version)
	}
	var values []string
	for i, key := range []string{"service", "environment", "commit", "expires", "nonce"} {
		line, more, ended := strings.Cut(rest, "\n")
		value, ok := strings.CutPrefix(line, key+": ")
		if !ok || !ended {
			return s, invalid("line %d of the grant is not `%s: …`", i+2, key)
		}
		values, rest = append(values, value), more
	}
	if rest != "" {
		return s, invalid("the grant says more than a grant can: %q", brief(rest))
	}
	if s.Service, err = artifact.ParseServiceID(values[0]); err != nil {
		return s, invalid("line 2 of the grant: %w", err)
	}
	if s.Env, err = artifact.ParseEnv(values[1]); err != nil {
		return s, invalid("line 3 of the grant: %w", err)
	}
	if s.Commit, err = artifact.ParseCommit(values[2]); err != nil {
		return s, invalid("line 4 of the grant: %w", err)
	}
	if s.Expires, err = time.Parse(time.RFC3339, values[3]); err != nil {
		return s, invalid("line 5 of the grant: %q is not a time like 2026-01-31T12:00:00Z", brief(values[3]))
	}
	if s.Nonce = values[4]; !nonceForm.MatchString(s.Nonce) {
		return s, invalid("line 6 of the grant: the nonce is not 32 lower-case hex digits")
	}
	if string(s.Bytes()) != text {
		return s, invalid("line 5 of the grant: %q is not in UTC and whole seconds, like 2026-01-31T12:00:00Z", brief(values[3]))
	}
	return s, nil
}

// allows returns why the statement does not allow what is wanted at that moment.
func (s Statement) allows(want Deploy, now time.Time) error {
	differ := func(what, got, wanted string) error {
		return fault.New(fault.GrantMismatch, "the grant is for %s %s, not for %s", what, got, wanted).
			WithHint("ask for a grant of exactly this deploy; the dry run prints the statement to sign")
	}
	switch {
	case s.Service != want.Service:
		return differ("the service", s.Service.String(), want.Service.String())
	case s.Env != want.Env:
		return differ("the environment", s.Env.String(), want.Env.String())
	case s.Commit != want.Commit:
		return differ("the commit", s.Commit.String(), want.Commit.String())
	}
	return s.holds(now)
}

// holds returns why the statement allows nothing at that moment.
func (s Statement) holds(now time.Time) error {
	switch ahead := s.Expires.Sub(now); {
	case ahead <= 0:
		return fault.New(fault.GrantExpired, "the grant expired at %s, it is %s", plain.Stamp(s.Expires), plain.Stamp(now)).
			WithHint("ask for a new one; the dry run prints the statement to sign")
	case ahead > longest+skew:
		return fault.New(fault.GrantInvalid, "the grant would hold until %s, longer than the %v that one may", plain.Stamp(s.Expires), longest).
			WithHint("ask for one that expires sooner; if it looks soon enough, compare the clocks: it is %s here", plain.Stamp(now))
	}
	return nil
}

func invalid(format string, args ...any) error {
	return fault.New(fault.GrantInvalid, format, args...).
		WithHint("the dry run prints the statement to sign, and the commands that make a grant of it")
}

// brief keeps an error from repeating a whole file.
func brief(s string) string { return s[:min(len(s), 60)] }
