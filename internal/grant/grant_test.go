package grant_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// office is a supervisor, another person, and the file that allows only the first.
type office struct {
	dir, signers string
	now          time.Time
}

func open(t *testing.T) office {
	t.Helper()
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("SKIPPED, there is no ssh-keygen: apt-get install openssh-client")
	}
	o := office{dir: t.TempDir(), now: time.Now()}
	o.signers = filepath.Join(o.dir, "allowed_signers")
	o.keygen(t, "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", o.path("alice"))
	o.keygen(t, "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", o.path("mallory"))
	o.allow(t, `alice@example.org namespaces="`+grant.Namespace+`" `)
	return o
}

func (o office) path(name string) string { return filepath.Join(o.dir, name) }

func (o office) keygen(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "ssh-keygen", args...).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen %q: %v: %s", args, err, out)
	}
}

// allow makes alice's key the only allowed key, on a line that begins so.
func (o office) allow(t *testing.T, line string) {
	t.Helper()
	key, err := os.ReadFile(o.path("alice.pub"))
	if err == nil {
		err = os.WriteFile(o.signers, append([]byte("# supervisors\n"+line), key...), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sign makes a grant of any text.
func (o office) sign(t *testing.T, key, namespace, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "grant.txt")
	o.write(t, file, text)
	o.keygen(t, "-q", "-Y", "sign", "-f", o.path(key), "-n", namespace, file)
	sig, err := os.ReadFile(file + ".sig")
	if err != nil {
		t.Fatal(err)
	}
	return text + string(sig)
}

func (o office) write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (o office) verify(t *testing.T, text string, want grant.Deploy, now time.Time) (grant.Grant, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "deploy.grant")
	o.write(t, file, text)
	return grant.Verify(t.Context(), file, want, o.signers, now)
}

func deploy(t *testing.T, service string, env artifact.Env, commit string) grant.Deploy {
	t.Helper()
	id, err := artifact.ParseServiceID(service)
	if err != nil {
		t.Fatal(err)
	}
	c, err := artifact.ParseCommit(commit)
	if err != nil {
		t.Fatal(err)
	}
	return grant.Deploy{Service: id, Env: env, Commit: c}
}

var ones, twos = strings.Repeat("1", 40), strings.Repeat("2", 40)

func TestAStatementIsWrittenInOneWay(t *testing.T) {
	t.Parallel()
	s := grant.Statement{
		Deploy:  deploy(t, "code-queue-mgr", artifact.Prod, ones),
		Expires: time.Date(2026, 1, 31, 14, 0, 0, 0, time.FixedZone("", 2*60*60)),
		Nonce:   strings.Repeat("0f", 16),
	}
	want := "unidesk-grant/1\nservice: code-queue-mgr\nenvironment: prod\ncommit: " + ones +
		"\nexpires: 2026-01-31T12:00:00Z\nnonce: 0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f\n"
	if d := cmp.Diff(want, string(s.Bytes())); d != "" {
		t.Error(d)
	}
	if a, b := grant.Draft(s.Deploy, s.Expires), grant.Draft(s.Deploy, s.Expires); a.Nonce == b.Nonce || len(a.Nonce) != 32 {
		t.Errorf("nonces %q and %q", a.Nonce, b.Nonce)
	}
}

func TestTheTwoCommandsMakeAGrant(t *testing.T) {
	t.Parallel()
	o := open(t)
	want := deploy(t, "code-queue-mgr", artifact.Prod, ones)
	draft := grant.Draft(want, o.now)
	o.write(t, o.path("grant.txt"), string(draft.Bytes()))
	script := strings.ReplaceAll(strings.Join(grant.Commands(), "\n"), "~/.ssh/id_ed25519", "alice")
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", script)
	cmd.Dir = o.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	g, err := grant.Verify(t.Context(), o.path("deploy.grant"), want, o.signers, o.now)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-l", "-f", o.path("alice.pub")).Output()
	if err != nil {
		t.Fatal(err)
	}
	fingerprint := strings.Fields(string(out))[1]
	if d := cmp.Diff(grant.Grant{Statement: draft, Signer: "alice@example.org", Key: fingerprint}, g,
		cmp.Comparer(func(a, b artifact.Commit) bool { return a == b }), cmp.Comparer(func(a, b artifact.ServiceID) bool { return a == b }),
		cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
}

func TestWhatIsNoGrantOfThisDeployIsRefusedWithItsOwnSentence(t *testing.T) {
	t.Parallel()
	o := open(t)
	want := deploy(t, "code-queue-mgr", artifact.Prod, ones)
	good := func(change ...func(*grant.Statement)) string {
		s := grant.Draft(want, o.now)
		for _, c := range change {
			c(&s)
		}
		return string(s.Bytes())
	}
	signed := func(change ...func(*grant.Statement)) string {
		return o.sign(t, "alice", grant.Namespace, good(change...))
	}
	replaced := func(old, new string) string {
		text := good()
		if !strings.Contains(text, old) {
			t.Fatalf("%q is not in %q", old, text)
		}
		return o.sign(t, "alice", grant.Namespace, strings.Replace(text, old, new, 1))
	}
	in := func(d time.Duration) func(*grant.Statement) {
		return func(s *grant.Statement) { s.Expires = o.now.Add(d) }
	}
	whole := signed()
	statement, armour, _ := strings.Cut(whole, "-----BEGIN")
	armour = "-----BEGIN" + armour

	for name, c := range map[string]struct {
		text   string
		reason fault.Reason
		want   string
	}{
		"another commit": {
			signed(func(s *grant.Statement) { s.Deploy = deploy(t, "code-queue-mgr", artifact.Prod, twos) }),
			fault.GrantMismatch, "is for the commit " + twos + ", not for " + ones,
		},
		"another service": {
			signed(func(s *grant.Statement) { s.Deploy = deploy(t, "frontend", artifact.Prod, ones) }),
			fault.GrantMismatch, "is for the service frontend, not for code-queue-mgr",
		},
		"another environment": {
			signed(func(s *grant.Statement) { s.Env = artifact.Dev }),
			fault.GrantMismatch, "is for the environment dev, not for prod",
		},
		"expired":                {signed(in(-time.Second)), fault.GrantExpired, "the grant expired at "},
		"expired this instant":   {signed(func(s *grant.Statement) { s.Expires = o.now.Truncate(time.Second) }), fault.GrantExpired, "the grant expired at "},
		"too long":               {signed(in(25 * time.Hour)), fault.GrantInvalid, "longer than the 24h0m0s"},
		"another signer":         {o.sign(t, "mallory", grant.Namespace, good()), fault.GrantInvalid, "is not among the allowed signers"},
		"another namespace":      {o.sign(t, "alice", "git", good()), fault.GrantInvalid, `signed in the namespace "git"`},
		"edited bytes":           {strings.Replace(whole, "nonce: ", "nonce: 0000", 1)[:len(statement)-1] + "\n" + armour, fault.GrantInvalid, "was changed after alice@example.org signed it"},
		"a signature of another": {good() + armour, fault.GrantInvalid, "was changed after alice@example.org signed it"},
		"nothing":                {"", fault.GrantInvalid, "it is not a grant"},
		"a key":                  {"-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n", fault.GrantInvalid, "it is not a grant"},
		"a later form":           {strings.Replace(whole, "grant/1", "grant/2", 1), fault.GrantInvalid, `in the form "unidesk-grant/2"`},
		"the statement alone":    {good(), fault.GrantInvalid, "is not signed"},
		"the signature alone":    {armour, fault.GrantInvalid, "it is not a grant"},
		"a damaged signature":    {strings.Replace(whole, "U1NIU0lH", "U1NIU0lX", 1), fault.GrantInvalid, "is damaged"},
		"half a signature":       {whole[:len(whole)-120], fault.GrantInvalid, "is damaged"},
		"something behind":       {whole + "service: frontend\n", fault.GrantInvalid, "something follows it"},
		"two signatures":         {whole + armour, fault.GrantInvalid, "something follows it"},
		"a key more":             {replaced("nonce: ", "sudo: yes\nnonce: "), fault.GrantInvalid, "line 6 of the grant is not `nonce: …`"},
		"a line more":            {o.sign(t, "alice", grant.Namespace, good()+"force: yes\n"), fault.GrantInvalid, `says more than a grant can: "force: yes\n"`},
		"keys in another order":  {replaced("service: code-queue-mgr\nenvironment: prod", "environment: prod\nservice: code-queue-mgr"), fault.GrantInvalid, "line 2 of the grant is not"},
		"no service's id":        {replaced("code-queue-mgr", "../etc"), fault.GrantInvalid, "line 2 of the grant"},
		"no environment":         {replaced(": prod", ": prod dev"), fault.GrantInvalid, `"prod dev" is not an environment`},
		"a branch":               {replaced(ones, "main"), fault.GrantInvalid, "line 4 of the grant"},
		"a local time":           {replaced("Z\nnonce", "+00:00\nnonce"), fault.GrantInvalid, "is not in UTC"},
		"a time that is none":    {replaced("expires: 2", "expires: x2"), fault.GrantInvalid, "is not a time"},
		"a path for a nonce":     {replaced("nonce: ", "nonce: ../"), fault.GrantInvalid, "the nonce is not"},
		"Windows line breaks":    {o.sign(t, "alice", grant.Namespace, strings.ReplaceAll(good(), "\n", "\r\n")), fault.GrantInvalid, "form \"unidesk-grant/1\\r\""},
		"a large file":           {whole + strings.Repeat("\n", 16<<10), fault.GrantInvalid, "larger than a grant"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, err := o.verify(t, c.text, want, o.now)
			if err == nil {
				t.Fatalf("allowed: %+v", g)
			}
			if fault.ReasonOf(err) != c.reason || !strings.Contains(err.Error(), c.want) || fault.HintOf(err) == "" {
				t.Errorf("%s %q, hint %q; want %s %q", fault.ReasonOf(err), err, fault.HintOf(err), c.reason, c.want)
			}
			if g != (grant.Grant{}) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("gives %+v with %v", g, err)
			}
		})
	}

	for name, text := range map[string]string{
		"as made":                        whole,
		"for a day, by a clock ahead":    signed(in(24*time.Hour + 4*time.Minute)),
		"for one more second":            signed(in(2 * time.Second)),
		"blank lines at the end":         whole + "\n\n",
		"the signature's breaks changed": statement + strings.ReplaceAll(armour, "\n", "\r\n"),
	} {
		if g, err := o.verify(t, text, want, o.now); err != nil || g.Signer != "alice@example.org" {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
}

func TestTheAllowedSignersDecide(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ line, signer, want string }{
		"any namespace":      {"alice ", "alice", ""},
		"several names":      {"alice,bob ", "alice", ""},
		"a pattern":          {"*@example.org ", "*@example.org", ""},
		"other namespaces":   {`alice namespaces="git,file" `, "", "alice may not sign grants"},
		"not valid any more": {`alice valid-before="20200101" `, "", "is not among the allowed signers of this time"},
		"not valid yet":      {`alice valid-after="20990101" `, "", "is not among the allowed signers of this time"},
		"valid now":          {`alice valid-after="20200101",valid-before="20990101" `, "alice", ""},
		"a line of nonsense": {"alice surprise=\"1\" ", "", "is not among the allowed signers"},
		"an empty list":      {"# ", "", "is not among the allowed signers"},
		"an authority's key": {"alice cert-authority ", "", "is not among the allowed signers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := open(t)
			o.allow(t, c.line)
			want := deploy(t, "code-queue-mgr", artifact.Prod, ones)
			g, err := o.verify(t, o.sign(t, "alice", grant.Namespace, string(grant.Draft(want, o.now).Bytes())), want, o.now)
			switch {
			case c.want == "" && (err != nil || g.Signer != c.signer):
				t.Errorf("%+v, %v", g, err)
			case c.want != "" && (err == nil || fault.ReasonOf(err) != fault.GrantInvalid || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%+v, %v; want %q", g, err, c.want)
			}
		})
	}
}

func TestSignersThatCannotBeBelievedAreRefused(t *testing.T) {
	t.Parallel()
	o := open(t)
	want := deploy(t, "code-queue-mgr", artifact.Prod, ones)
	text := o.sign(t, "alice", grant.Namespace, string(grant.Draft(want, o.now).Bytes()))
	refused := func(name, words, hint string) {
		t.Helper()
		_, err := o.verify(t, text, want, o.now)
		if fault.ReasonOf(err) != fault.ConfigInvalid || !strings.Contains(err.Error(), words) || !strings.Contains(fault.HintOf(err), hint) {
			t.Errorf("%s: %v, hint %q", name, err, fault.HintOf(err))
		}
	}
	if err := os.Chmod(o.signers, 0o646); err != nil {
		t.Fatal(err)
	}
	refused("everybody's", "can be written by others", "chmod go-w "+o.signers)
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Chown(o.signers, 0, 12345), os.Chmod(o.signers, 0o664)); err != nil {
			t.Fatal(err)
		}
		refused("a group's", "can be written by others", "chmod g-w "+o.signers)
		if err := errors.Join(os.Chmod(o.signers, 0o644), os.Chown(o.signers, 12345, -1)); err != nil {
			t.Fatal(err)
		}
		refused("somebody's", "can be written by others", "chown root "+o.signers)
		folder := filepath.Dir(o.signers)
		if err := errors.Join(os.Chown(o.signers, 0, 0), os.Chown(folder, 12345, -1)); err != nil {
			t.Fatal(err)
		}
		refused("in somebody's folder", "can be written by others", "chown root "+folder)
		if err := os.Chown(folder, 0, -1); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(o.signers); err != nil {
		t.Fatal(err)
	}
	refused("none", "there are no allowed signers", `namespaces="`+grant.Namespace+`" ssh-ed25519`)
	if err := os.Mkdir(o.signers, 0o755); err != nil {
		t.Fatal(err)
	}
	refused("a folder", "not a regular file", "")
}

func TestAGrantIsForOneDeploy(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state", "grants")
	now := time.Now()
	g := grant.Grant{Statement: grant.Draft(deploy(t, "code-queue-mgr", artifact.Prod, ones), now), Signer: "alice", Key: "SHA256:x"}

	if err := grant.Used(dir, g); err != nil {
		t.Errorf("new, and used: %v", err)
	}
	// However many try at once, a single caller has it.
	errs := make([]error, 16)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = grant.Use(dir, g, "run-1", now) })
	}
	wg.Wait()
	had := 0
	for _, err := range errs {
		switch {
		case err == nil:
			had++
		case fault.ReasonOf(err) != fault.GrantUsed:
			t.Error(err)
		}
	}
	if had != 1 {
		t.Errorf("%d had it", had)
	}

	for _, err := range []error{grant.Use(dir, g, "run-2", now), grant.Used(dir, g)} {
		if fault.ReasonOf(err) != fault.GrantUsed || !strings.Contains(err.Error(), "by run-1") || !strings.Contains(err.Error(), plain.Stamp(now)) {
			t.Errorf("replayed: %v", err)
		}
	}
	record, err := os.ReadFile(filepath.Join(dir, g.Nonce+".json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"service": "code-queue-mgr"`, `"signer": "alice"`, `"by": "run-1"`, `"commit": "` + ones} {
		if !bytes.Contains(record, []byte(part)) {
			t.Errorf("%s is not in %s", part, record)
		}
	}

	// A crash in the middle of the record has used it up.
	other := g
	other.Nonce = strings.Repeat("ab", 16)
	if err := os.WriteFile(filepath.Join(dir, other.Nonce+".json"), nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := grant.Use(dir, other, "run-3", now); fault.ReasonOf(err) != fault.GrantUsed || !strings.Contains(err.Error(), "used before") {
		t.Errorf("half recorded: %v", err)
	}
}

func TestAGrantThatCannotBeRecordedIsNotUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now()
	g := grant.Grant{Statement: grant.Draft(deploy(t, "code-queue-mgr", artifact.Prod, ones), now)}

	if err := grant.Use(dir, g, "run", g.Expires); fault.ReasonOf(err) != fault.GrantExpired {
		t.Errorf("expired meanwhile: %v", err)
	}
	bad := g
	bad.Nonce = "../../x"
	if err := grant.Use(dir, bad, "run", now); fault.ReasonOf(err) != fault.GrantInvalid {
		t.Errorf("a path: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{grant.Use(file, g, "run", now), grant.Used(file, g)} {
		if fault.ReasonOf(err) != fault.LedgerUnavailable {
			t.Errorf("a file in its place: %v", err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
	if err := grant.Use(dir, g, "run", now); err != nil {
		t.Errorf("and then: %v", err)
	}
}

// TestKilledUsersLeaveOneUse kills processes that all try to use the same grants.
func TestKilledUsersLeaveOneUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now()
	g := grant.Grant{Statement: grant.Draft(deploy(t, "code-queue-mgr", artifact.Prod, ones), now)}
	said := make([]string, 8)
	var wg sync.WaitGroup
	for i := range said {
		wg.Go(func() {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), "GRANT_TEST_USE="+dir, "GRANT_TEST_NOW="+now.Format(time.RFC3339Nano))
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Error(err)
				return
			}
			if err := cmd.Start(); err != nil {
				t.Error(err)
				return
			}
			// It is killed at any moment of its next use, after it has used some.
			lines := bufio.NewReader(out)
			for range 10 + 10*i {
				line, err := lines.ReadString('\n')
				if err != nil {
					t.Error(err)
				}
				said[i] += line
			}
			_ = cmd.Process.Kill()
			rest, _ := io.ReadAll(lines)
			said[i] += string(rest)
			_ = cmd.Wait()
		})
	}
	wg.Wait()
	all := strings.Fields(strings.Join(said, ""))
	slices.Sort(all)
	if n := len(all); n == 0 {
		t.Error("nobody used any: the test is worth nothing")
	} else if len(slices.Compact(all)) != n {
		t.Error("a grant was used twice")
	}
	for _, nonce := range all {
		g.Nonce = nonce
		if err := grant.Use(dir, g, "again", now); fault.ReasonOf(err) != fault.GrantUsed {
			t.Errorf("%s: %v", nonce, err)
		}
	}
}
