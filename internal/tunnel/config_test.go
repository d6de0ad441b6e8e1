package tunnel

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestConfigRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"nothing":                   {},
		"two ways":                  {Socket: "/run/s", Command: []string{"x"}},
		"a relative socket":         {Socket: "run/s"},
		"an abstract socket":        {Socket: "@agent"},
		"an empty word":             {Command: []string{""}},
		"a line break":              {Command: []string{"sh", "a\nb"}},
		"no destination":            {SSH: &SSH{}},
		"a destination option":      {SSH: &SSH{Destination: "-oProxyCommand=id"}},
		"a destination with spaces": {SSH: &SSH{Destination: "a b"}},
		"a destination with $()":    {SSH: &SSH{Destination: "$(id)"}},
		"a backtick destination":    {SSH: &SSH{Destination: "a`id`"}},
		"a config file option":      {SSH: &SSH{Destination: "D601", ConfigFile: "-x"}},
		"an endless time-out":       {SSH: &SSH{Destination: "D601", ConnectTimeout: time.Hour}},
		"a bad remote command":      {SSH: &SSH{Destination: "D601", Command: []string{"a", "b\x00"}}},
	} {
		if c.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for _, destination := range []string{"D601", "user@host", "ssh://user@[::1]:2222", "host.example-1_x", "2001:db8::1", "u%x@h"} {
		if err := (Config{SSH: &SSH{Destination: destination}}).Validate(); err != nil {
			t.Errorf("%s: %v", destination, err)
		}
	}
}

func TestSSHGetsExactlyTheseArguments(t *testing.T) {
	t.Parallel()
	s := &SSH{Destination: "D601", ConfigFile: "/etc/unidesk/ssh_config", Command: []string{"/opt/my agent/unidesk-agent", "stdio", "--socket", "$HOME/it's"}, ConnectTimeout: 1500 * time.Millisecond}
	want := []string{
		"ssh", "-T", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no",
		"-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3", "-o", "ConnectTimeout=2", "-o", "ClearAllForwardings=yes",
		"-o", "ForwardAgent=no", "-o", "ForwardX11=no", "-o", "Tunnel=no", "-o", "PermitLocalCommand=no", "-o", "RemoteCommand=none",
		"-o", "RequestTTY=no", "-o", "EscapeChar=none", "-o", "ControlMaster=no", "-o", "ControlPath=none", "-o", "Compression=no",
		"-o", "Ciphers=^aes128-gcm@openssh.com,aes256-gcm@openssh.com",
		"-o", "SessionType=default", "-o", "StdinNull=no", "-o", "ForkAfterAuthentication=no", "-F", "/etc/unidesk/ssh_config", "--", "D601",
		`'/opt/my agent/unidesk-agent' stdio --socket '$HOME/it'\''s'`,
	}
	if diff := cmp.Diff(want, s.argv("OpenSSH_8.7p1, LibreSSL 3.3.6")); diff != "" {
		t.Error(diff)
	}
	for _, version := range []string{"OpenSSH_8.6p1, OpenSSL 1.1.1", "OpenSSH_7.9p1", "", "Dropbear v2022.83"} {
		if argv := s.argv(version); slices.Contains(argv, "SessionType=default") {
			t.Errorf("%q: %q", version, argv)
		}
	}
	if argv := (&SSH{Destination: "D601"}).argv("OpenSSH_10.0p2"); !slices.Equal(argv[len(argv)-3:], []string{"--", "D601", "unidesk-agent stdio"}) || slices.Contains(argv, "-F") {
		t.Errorf("by default %q", argv)
	}
}

func TestSSHReadsThemSoWhateverTheUsersConfigurationSays(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("no ssh here")
	}
	config := filepath.Join(t.TempDir(), "ssh_config")
	careless := `Host *
  StrictHostKeyChecking no
  UpdateHostKeys yes
  BatchMode no
  ControlMaster auto
  ControlPath /tmp/mux
  Compression yes
  Ciphers chacha20-poly1305@openssh.com
  ForwardAgent yes
  ForwardX11 yes
  PermitLocalCommand yes
  RemoteCommand id
  RequestTTY force
  ServerAliveInterval 0
  Tunnel yes
  IgnoreUnknown UseKeychain
  UseKeychain yes
  SessionType none
  StdinNull yes
  ForkAfterAuthentication yes
  User somebody
  Port 2222
`
	if err := os.WriteFile(config, []byte(careless), 0o600); err != nil {
		t.Fatal(err)
	}
	argv := (&SSH{Destination: "D601", ConfigFile: config}).argv(sshVersion(t.Context()))
	out, err := exec.Command("ssh", append([]string{"-G"}, argv[1:]...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	effective := map[string]string{}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		effective[key] = value
	}
	ciphers, _, _ := strings.Cut(effective["ciphers"], ",")
	effective["ciphers"] = ciphers
	for key, want := range map[string]string{
		"stricthostkeychecking": "true", "updatehostkeys": "false", "batchmode": "yes", "controlmaster": "false", "compression": "no",
		"ciphers": "aes128-gcm@openssh.com", "forwardagent": "no", "forwardx11": "no", "permitlocalcommand": "no",
		"requesttty": "false", "serveraliveinterval": "15", "serveralivecountmax": "3", "tunnel": "false", "clearallforwardings": "yes",
		"connecttimeout": "30", "escapechar": "none", "sessiontype": "default", "stdinnull": "no", "forkafterauthentication": "no",
		"user": "somebody", "port": "2222", // what is the user's stays the user's
	} {
		if effective[key] != want {
			t.Errorf("%s is %q, want %q", key, effective[key], want)
		}
	}
	for _, key := range []string{"controlpath", "remotecommand"} {
		if v := effective[key]; v != "" && v != "none" {
			t.Errorf("%s is %q", key, v)
		}
	}
}

// A mistyped option of the user's own ssh_config is an error that ssh names.
func TestAMistypedOptionOfTheUsersConfigurationIsNamed(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("no ssh here")
	}
	config := filepath.Join(t.TempDir(), "ssh_config")
	if err := os.WriteFile(config, []byte("Host *\n  IdentityFil /x\n  ProxyCommand false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	host := Config{SSH: &SSH{Destination: "D601", ConfigFile: config}}
	_, dialed := Dial(t.Context(), host)
	_, ran := Run(t.Context(), host, []string{"true"}, strings.NewReader(""))
	for _, err := range []error{dialed, ran} {
		if fault.ReasonOf(err) != fault.ConfigInvalid || fault.Retryable(err) || !strings.Contains(err.Error(), "identityfil") {
			t.Errorf("%s (%v)", fault.ReasonOf(err), err)
		}
	}
}
