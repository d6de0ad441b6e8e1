package grant_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
)

// TestOnlyAGoodAnswerOfSSHKeygenIsOne puts other programs in its place.
func TestOnlyAGoodAnswerOfSSHKeygenIsOne(t *testing.T) {
	o := open(t)
	want := deploy(t, "code-queue-mgr", artifact.Prod, ones)
	text := o.sign(t, "alice", grant.Namespace, string(grant.Draft(want, o.now).Bytes()))
	t.Setenv("SECRET", "hunter2")
	for name, c := range map[string]struct {
		script string
		reason fault.Reason
		words  string
	}{
		"none":                        {"", fault.ConfigInvalid, "start ssh-keygen"},
		"one that finds nobody":       {"exit 0", fault.GrantInvalid, "not among the allowed signers"},
		"one that is killed":          {"echo alice; kill -9 $$", fault.GrantInvalid, "not among the allowed signers"},
		"one that fails and says yes": {`case "$2" in find*) echo alice;; *) echo Good; exit 1;; esac`, fault.GrantInvalid, "was changed"},
		"one that says nothing":       {`case "$2" in find*) echo alice;; esac`, fault.GrantInvalid, "was changed"},
		"one that colours":            {`printf 'no \033[31mred\007\n' >&2; exit 1`, fault.GrantInvalid, "no ?[31mred?"},
		"one that looks around":       {"/usr/bin/env >&2; exit 1", fault.GrantInvalid, "LC_ALL=C"},
	} {
		bin := t.TempDir()
		if c.script != "" {
			if err := os.WriteFile(filepath.Join(bin, "ssh-keygen"), []byte("#!/bin/sh\n"+c.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("PATH", bin)
		_, err := o.verify(t, text, want, o.now)
		if err == nil || fault.ReasonOf(err) != c.reason || !strings.Contains(err.Error(), c.words) || strings.ContainsAny(err.Error(), "\x1b\a\n") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %s %v", name, fault.ReasonOf(err), err)
		}
	}

	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "ssh-keygen"), []byte("#!/bin/sh\nexec /usr/bin/tail -f /dev/null --pid=$PPID\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	file := filepath.Join(t.TempDir(), "deploy.grant")
	o.write(t, file, text)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := grant.Verify(ctx, file, want, o.signers, o.now)
	if !errors.Is(err, context.DeadlineExceeded) || !fault.Retryable(err) {
		t.Errorf("one that hangs: %v", err)
	}
}
