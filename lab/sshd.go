package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// HostAlias is what the lab's ssh configuration calls the far host.
const HostAlias = "D601"

// SSHD is a real OpenSSH server on loopback, with keys and a configuration of
// its own: nothing of the machine's ssh is read or changed.
type SSHD struct {
	// Addr is where it listens.
	Addr string
	// ClientConfig is an ssh_config in which D601 is this server, with the key that
	// may run any command, reached through Link.
	ClientConfig string
	// Link stands between the clients and the server: it counts, slows and cuts.
	Link *Link

	dir  string
	user string
	proc *Proc
}

// StartSSHD makes keys, starts sshd and waits until it greets. It logs in as the
// account that runs the lab.
func StartSSHD(ctx context.Context, dir string) (*SSHD, error) {
	me, err := user.Current()
	if err != nil {
		return nil, fmt.Errorf("start sshd: %w", err)
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	s := &SSHD{Addr: fmt.Sprintf("127.0.0.1:%d", port), dir: dir, user: me.Username}
	if err := s.setUp(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *SSHD) setUp(ctx context.Context) (err error) {
	if os.Geteuid() == 0 {
		// Compiled into sshd as the folder for its unprivileged half; a service
		// manager would make it at boot.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return fmt.Errorf("start sshd: %w", err)
		}
	}
	if s.Link, err = StartLink(s.Addr); err != nil {
		return err
	}
	if err := s.newKey(ctx, "host_key"); err != nil {
		return err
	}
	if err := os.WriteFile(s.in("authorized_keys"), nil, 0o600); err != nil {
		return fmt.Errorf("start sshd: %w", err)
	}
	// StrictModes would refuse key files below a folder that others may write to, as
	// the usual place for temporary folders is. A bash that sshd starts reads ~/.bashrc, which
	// is the machine's own affair and may take most of a second, unless it is a second shell.
	config := fmt.Sprintf(`ListenAddress %s
HostKey %s
AuthorizedKeysFile %s
PidFile none
StrictModes no
UsePAM %s
AuthenticationMethods publickey
PermitRootLogin prohibit-password
PermitUserEnvironment no
AllowTcpForwarding local
X11Forwarding no
PrintMotd no
PrintLastLog no
MaxStartups 100
LogLevel VERBOSE
SetEnv SHLVL=1
`, s.Addr, s.in("host_key"), s.in("authorized_keys"), needsPAM(s.user))
	if err := os.WriteFile(s.in("sshd_config"), []byte(config), 0o600); err != nil {
		return fmt.Errorf("configure sshd: %w", err)
	}
	if err := s.TrustHostKey(); err != nil {
		return err
	}
	if s.ClientConfig, err = s.AddKey(ctx, "free", ""); err != nil {
		return err
	}
	return s.Start(ctx)
}

// Start starts it again after Stop, on the same port.
func (s *SSHD) Start(ctx context.Context) error {
	// sshd executes itself anew for each connection, so it insists on its full path.
	program, err := findProgram("sshd")
	if err != nil {
		return err
	}
	if s.proc, err = startProc(daemon{
		name: "sshd", log: s.in("sshd.log"), env: cleanEnv(),
		argv: []string{program, "-D", "-e", "-f", s.in("sshd_config")},
	}); err != nil {
		return err
	}
	return s.proc.Ready(ctx, 20*time.Second, dial("tcp", s.Addr))
}

// Stop ends the server and every connection that it serves, as a host does that goes down.
func (s *SSHD) Stop() error {
	if s == nil || s.proc == nil {
		return nil
	}
	s.CutSessions()
	return s.proc.Stop(5 * time.Second)
}

// Close stops everything.
func (s *SSHD) Close() error {
	if s == nil {
		return nil
	}
	return errors.Join(s.Stop(), s.Link.Close())
}

// CutSessions kills the server's side of every connection; the server stays.
func (s *SSHD) CutSessions() {
	pid := strconv.Itoa(s.proc.PID())
	children, err := os.ReadFile(filepath.Join("/proc", pid, "task", pid, "children"))
	if err != nil {
		return // the server itself has ended
	}
	for _, f := range strings.Fields(string(children)) {
		if child, err := strconv.Atoi(f); err == nil {
			_ = syscall.Kill(child, syscall.SIGKILL)
		}
	}
}

// AddKey makes a key that may log in and returns an ssh_config that uses it. With
// a forced command the key can run that and nothing else, as a restricted key of
// a real host would.
func (s *SSHD) AddKey(ctx context.Context, name, forced string) (config string, err error) {
	if err := s.newKey(ctx, "id_"+name); err != nil {
		return "", err
	}
	public, err := os.ReadFile(s.in("id_" + name + ".pub"))
	if err != nil {
		return "", fmt.Errorf("allow key %s: %w", name, err)
	}
	line := string(public)
	if forced != "" {
		line = fmt.Sprintf("restrict,command=\"%s\" %s", strings.ReplaceAll(forced, `"`, `\"`), line)
	}
	keys, err := os.OpenFile(s.in("authorized_keys"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return "", fmt.Errorf("allow key %s: %w", name, err)
	}
	_, err = keys.WriteString(line)
	if err := errors.Join(err, keys.Close()); err != nil {
		return "", fmt.Errorf("allow key %s: %w", name, err)
	}
	return s.WriteClientConfig(name, "id_"+name)
}

// Forget takes a key back; its configuration stays and is denied from now on.
func (s *SSHD) Forget(name string) error {
	keys, err := os.ReadFile(s.in("authorized_keys"))
	if err != nil {
		return fmt.Errorf("forget key %s: %w", name, err)
	}
	var kept strings.Builder
	for line := range strings.Lines(string(keys)) {
		if !strings.HasSuffix(strings.TrimSpace(line), keyComment("id_"+name)) {
			kept.WriteString(line)
		}
	}
	if err := os.WriteFile(s.in("authorized_keys"), []byte(kept.String()), 0o600); err != nil {
		return fmt.Errorf("forget key %s: %w", name, err)
	}
	return nil
}

func keyComment(name string) string { return "unidesk lab " + name }

// WriteClientConfig writes an ssh_config in which D601 is this server and the
// key file is the only identity. A key that was never allowed may be named too.
func (s *SSHD) WriteClientConfig(name, key string) (string, error) {
	host, port, _ := strings.Cut(s.Link.Addr, ":")
	config := fmt.Sprintf(`Host %s
  HostName %s
  Port %s
  User %s
  IdentityFile %s
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile %s
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
`, HostAlias, host, port, s.user, s.in(key), s.in("known_hosts"))
	path := s.in("ssh_config_" + name)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return "", fmt.Errorf("write ssh configuration %s: %w", name, err)
	}
	return path, nil
}

// SwapHostKey restarts the server with another host key than the clients know, as an
// attacker in between would.
func (s *SSHD) SwapHostKey(ctx context.Context) error {
	if err := s.Stop(); err != nil {
		return err
	}
	if err := s.newKey(ctx, "host_key"); err != nil {
		return err
	}
	return s.Start(ctx)
}

// TrustHostKey lets the clients know the host key that the server has now.
func (s *SSHD) TrustHostKey() error {
	public, err := os.ReadFile(s.in("host_key.pub"))
	if err != nil {
		return fmt.Errorf("trust the host key: %w", err)
	}
	host, port, _ := strings.Cut(s.Link.Addr, ":")
	line := fmt.Sprintf("[%s]:%s %s", host, port, public)
	if err := os.WriteFile(s.in("known_hosts"), []byte(line), 0o600); err != nil {
		return fmt.Errorf("trust the host key: %w", err)
	}
	return nil
}

// needsPAM returns "yes" if sshd would find the account locked, or cannot look. By
// itself it refuses those whatever their key; PAM knows that a locked password is none
// of a key's business.
func needsPAM(user string) string {
	shadow, err := os.ReadFile("/etc/shadow")
	if err != nil {
		return "yes"
	}
	for line := range strings.Lines(string(shadow)) {
		if name, password, _ := strings.Cut(line, ":"); name == user {
			if strings.HasPrefix(password, "!") {
				return "yes"
			}
			return "no"
		}
	}
	return "no"
}

// newKey makes a key pair, and replaces an existing pair.
func (s *SSHD) newKey(ctx context.Context, name string) error {
	for _, f := range []string{name, name + ".pub"} {
		if err := os.Remove(s.in(f)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("make key %s: %w", name, err)
		}
	}
	if _, err := run(ctx, "", cleanEnv(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", keyComment(name), "-f", s.in(name)); err != nil {
		return fmt.Errorf("make key %s: %w", name, err)
	}
	return nil
}

// SSH runs a command on D601 with a client configuration.
func (s *SSHD) SSH(ctx context.Context, config string, command ...string) (string, error) {
	argv := append([]string{"ssh", "-F", config, "-T", "-o", "BatchMode=yes", "--", HostAlias}, command...)
	return run(ctx, "", cleanEnv(), argv...)
}

func (s *SSHD) in(name string) string { return filepath.Join(s.dir, name) }
