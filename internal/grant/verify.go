package grant

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/trace"
)

const (
	program = "ssh-keygen"
	// patience is what a call of ssh-keygen may take: it takes milliseconds.
	patience = 10 * time.Second
	// maxFile bounds a grant; a grant by the largest RSA key has 4 KB.
	maxFile = 16 << 10
)

// Verify reads the grant in a file and checks that an allowed signer gave it for
// exactly the wanted deploy, and that it holds now. It does not use the grant up:
// see [Use].
//
// GRANT_INVALID for what is no grant or not signed as a grant, GRANT_MISMATCH for a
// grant of another deploy, GRANT_EXPIRED, and CONFIG_INVALID when the allowed signers
// or ssh-keygen are not there.
func Verify(ctx context.Context, file string, want Deploy, allowedSigners string, now time.Time) (Grant, error) {
	if err := CheckSigners(allowedSigners); err != nil {
		return Grant{}, err
	}
	content, err := read(file)
	if err != nil {
		return Grant{}, err
	}
	text, sig, err := split(content)
	if err != nil {
		return Grant{}, err
	}
	statement, err := parseStatement(text)
	if err != nil {
		return Grant{}, err
	}
	if sig.namespace != Namespace {
		return Grant{}, invalid("the grant is signed in the namespace %q, not in %s", brief(sig.namespace), Namespace)
	}
	signer, err := judge(ctx, []byte(text), sig, allowedSigners)
	if err != nil {
		return Grant{}, err
	}
	if err := statement.allows(want, now); err != nil {
		return Grant{}, err
	}
	return Grant{Statement: statement, Signer: signer, Key: sig.fingerprint()}, nil
}

func read(file string) ([]byte, error) {
	// NONBLOCK: a named pipe must be refused, not waited for.
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fault.New(fault.GrantInvalid, "read the grant: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fault.New(fault.GrantInvalid, "read the grant: %w", err)
	case len(content) > maxFile:
		return nil, invalid("%s is larger than a grant can be", file)
	}
	return content, nil
}

// CheckSigners refuses, with CONFIG_INVALID, a list of signers that is not there,
// that this account cannot read, or that others than root and this account can
// write or replace.
func CheckSigners(path string) error {
	// NONBLOCK: a named pipe must be refused, not waited for.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.ConfigInvalid, "there are no allowed signers at %q, so no grant can be verified", path).
			WithHint("write a line for each supervisor there (ssh-keygen(1), ALLOWED SIGNERS):\n"+
				"    alice@example.org namespaces=\"%s\" ssh-ed25519 AAAA…", Namespace)
	}
	if err != nil {
		return fault.New(fault.ConfigInvalid, "read the allowed signers: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fault.New(fault.ConfigInvalid, "look at the allowed signers: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fault.New(fault.ConfigInvalid, "the allowed signers %s are not a regular file", path)
	}
	if err := statefile.Guarded(statefile.Trust{}, path); err != nil {
		return fault.New(fault.ConfigInvalid, "the allowed signers can be written by others, who could grant themselves anything: %w", err)
	}
	return nil
}

// judge has ssh-keygen find whose key it is, and whether he signed these bytes
// and may sign grants. It returns what the allowed signers call him.
func judge(ctx context.Context, text []byte, sig signature, allowedSigners string) (string, error) {
	out, said, err := keygen(ctx, nil, sig, "-Y", "find-principals", "-f", allowedSigners)
	if err != nil {
		return "", err
	}
	principals := strings.FieldsFunc(out, func(r rune) bool { return r == '\n' })
	if len(principals) == 0 {
		return "", invalid("the grant's signer, key %s, is not among the allowed signers of this time: %s", sig.fingerprint(), said)
	}
	for _, principal := range principals {
		if out, said, err = keygen(ctx, text, sig, "-Y", "verify", "-f", allowedSigners, "-I", principal, "-n", Namespace); err != nil {
			return "", err
		}
		if out != "" {
			return principal, nil
		}
	}
	// The signer is known: is it the bytes, or what he may sign?
	if out, _, err = keygen(ctx, text, sig, "-Y", "check-novalidate", "-n", Namespace); err != nil {
		return "", err
	}
	if out == "" {
		return "", invalid("the grant was changed after %s signed it", oneLine(principals[0]))
	}
	return "", invalid("%s may not sign grants: %s", oneLine(principals[0]), said)
}

// keygen runs ssh-keygen with a signature and a text. A refusal is no error: out is
// empty then, whatever it printed, and said has its words. So only out means yes.
func keygen(ctx context.Context, text []byte, sig signature, args ...string) (out, said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// The signature is far smaller than a pipe's buffer, so neither end waits for the other.
	r, w, err := os.Pipe()
	if err != nil {
		return "", "", fault.New(fault.Internal, "hand a signature over: %w", err)
	}
	defer r.Close()
	_, err = w.Write(sig.armoured)
	if err = errors.Join(err, w.Close()); err != nil {
		return "", "", fault.New(fault.Internal, "hand a signature over: %w", err)
	}
	cmd := exec.CommandContext(ctx, program, append(args, "-s", "/dev/fd/3")...)
	cmd.Env = []string{"LC_ALL=C"}
	cmd.Stdin, cmd.ExtraFiles, cmd.WaitDelay = bytes.NewReader(text), []*os.File{r}, time.Second
	ended := trace.Program(ctx, cmd.Args...)
	answer, err := cmd.Output()
	ended(err)
	refusal := (*exec.ExitError)(nil)
	switch {
	case ctx.Err() != nil:
		return "", "", fault.Transient(fault.Internal, "%s did not answer: %w", program, context.Cause(ctx))
	case errors.As(err, &refusal):
		return "", oneLine(string(refusal.Stderr)), nil
	case err != nil:
		return "", "", fault.New(fault.ConfigInvalid, "start %s: %w", program, err).WithHint("install it, as root: apt-get install openssh-client")
	}
	return string(answer), "", nil
}

// oneLine returns another program's words as a single line that a terminal only shows.
func oneLine(s string) string {
	return plain.Line(strings.Join(strings.Fields(s[:min(len(s), 512)]), " "))
}
