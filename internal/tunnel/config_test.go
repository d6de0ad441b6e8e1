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
		"ssh", "-T", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "NoHostAuthenticationForLocalhost=no",
		"-o", "VerifyHostKeyDNS=no", "-o", "UpdateHostKeys=no", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3",
		"-o", "ConnectionAttempts=1", "-o", "ConnectTimeout=2", "-o", "ClearAllForwardings=yes", "-o", "ForwardAgent=no",
		"-o", "GSSAPIDelegateCredentials=no", "-o", "AddKeysToAgent=no", "-o", "ForwardX11=no", "-o", "Tunnel=no",
		"-o", "PermitLocalCommand=no", "-o", "RemoteCommand=none", "-o", "RequestTTY=no", "-o", "EscapeChar=none",
		"-o", "LogLevel=INFO", "-o", "VisualHostKey=no", "-o", "Compression=no", "-o", "Ciphers=^aes128-gcm@openssh.com,aes256-gcm@openssh.com",
		"-o", "ControlMaster=no", "-o", "ControlPath=none",
		"-o", "SessionType=default", "-o", "StdinNull=no", "-o", "ForkAfterAuthentication=no", "-F", "/etc/unidesk/ssh_config", "--", "D601",
		`'/opt/my agent/unidesk-agent' stdio --socket '$HOME/it'\''s'`,
	}
	if diff := cmp.Diff(want, s.argv("OpenSSH_8.7p1, LibreSSL 3.3.6", sharing{})); diff != "" {
		t.Error(diff)
	}
	for _, version := range []string{"OpenSSH_8.6p1, OpenSSL 1.1.1", "OpenSSH_7.9p1", "", "Dropbear v2022.83"} {
		if argv := s.argv(version, sharing{}); slices.Contains(argv, "SessionType=default") {
			t.Errorf("%q: %q", version, argv)
		}
	}
	if argv := (&SSH{Destination: "D601"}).argv("OpenSSH_10.0p2", sharing{}); !slices.Equal(argv[len(argv)-3:], []string{"--", "D601", "unidesk-agent stdio"}) || slices.Contains(argv, "-F") {
		t.Errorf("by default %q", argv)
	}
}

func TestSSHReadsThemSoWhateverTheUsersConfigurationSays(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("no ssh here")
	}
	config := filepath.Join(t.TempDir(), "ssh_config")
	// Every option of ssh_config(5) that weakens, redirects, silences or delays.
	careless := `Host *
  AddKeysToAgent yes
  BatchMode no
  Ciphers chacha20-poly1305@openssh.com
  ClearAllForwardings no
  Compression yes
  ConnectionAttempts 100
  ConnectTimeout 3600
  ControlMaster auto
  ControlPath /tmp/mux
  ControlPersist yes
  DynamicForward 1080
  EscapeChar ~
  ForkAfterAuthentication yes
  ForwardAgent yes
  ForwardX11 yes
  GSSAPIDelegateCredentials yes
  IgnoreUnknown UseKeychain
  LocalCommand id
  LocalForward 8080 127.0.0.1:80
  LogLevel QUIET
  NoHostAuthenticationForLocalhost yes
  PermitLocalCommand yes
  ProxyJump gate
  RemoteCommand id
  RemoteForward 5000 127.0.0.1:5000
  RequestTTY force
  ServerAliveCountMax 1000
  ServerAliveInterval 0
  SessionType none
  StdinNull yes
  StrictHostKeyChecking no
  Tunnel yes
  UpdateHostKeys yes
  UseKeychain yes
  VerifyHostKeyDNS yes
  VisualHostKey yes
  User somebody
  Port 2222
`
	if err := os.WriteFile(config, []byte(careless), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		share sharing
		want  map[string]string
	}{
		// ControlPersist is without effect beside no path.
		"alone": {sharing{}, map[string]string{"controlmaster": "false", "controlpath": "none", "controlpersist": "yes", "proxyjump": "gate"}},
		"first": {sharing{path: "/run/x/c"}, map[string]string{"controlmaster": "true", "controlpath": "/run/x/c", "controlpersist": "no", "proxyjump": "gate"}},
		"rider": {sharing{path: "/run/x/c", rides: true}, map[string]string{
			"controlmaster": "false", "controlpath": "/run/x/c", "controlpersist": "yes", "proxyjump": "", "proxycommand": "false",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			readsSo(t, (&SSH{Destination: "D601", ConfigFile: config}).argv(sshVersion(t.Context()), c.share), c.want)
		})
	}
}

// readsSo asks ssh what it makes of a command line: what all of ours share, and more.
func readsSo(t *testing.T, argv []string, more map[string]string) {
	t.Helper()
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
	want := map[string]string{
		"addkeystoagent": "false", "batchmode": "yes", "ciphers": "aes128-gcm@openssh.com", "clearallforwardings": "yes", "compression": "no",
		"connectionattempts": "1", "connecttimeout": "30", "escapechar": "none", "forkafterauthentication": "no",
		"forwardagent": "no", "forwardx11": "no", "gssapidelegatecredentials": "no", "loglevel": "INFO", "nohostauthenticationforlocalhost": "no",
		"permitlocalcommand": "no", "requesttty": "false", "serveralivecountmax": "3", "serveraliveinterval": "15", "sessiontype": "default",
		"stdinnull": "no", "stricthostkeychecking": "true", "tunnel": "false", "updatehostkeys": "false", "verifyhostkeydns": "false", "visualhostkey": "no",
		"user": "somebody", "port": "2222", // what is the user's stays the user's
	}
	for key, value := range want {
		if effective[key] != value {
			t.Errorf("%s is %q, want %q", key, effective[key], value)
		}
	}
	more["remotecommand"] = "none"
	for key, want := range more { // ssh leaves some out that are not set
		if got := effective[key]; got != want && (want != "none" || got != "") && (key != "controlpersist" || want != "yes" || got != "0") {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	// What else ssh knows is the user's to set: to whom it leads, with which keys, and what
	// is without effect beside the options above.
	users := strings.Fields(`addressfamily bindaddress bindinterface canonicaldomains canonicalizefallbacklocal canonicalizehostname
		canonicalizemaxdots canonicalizepermittedcnames casignaturealgorithms certificatefile checkhostip controlpath controlpersist dynamicforward
		enableescapecommandline enablesshkeysign exitonforwardfailure fingerprinthash forwardx11timeout forwardx11trusted gatewayports
		globalknownhostsfile gssapiauthentication gssapikexalgorithms gssapikeyexchange gssapirenewalforcesrekey gssapitrustdns
		hashknownhosts host hostbasedacceptedalgorithms hostbasedauthentication hostkeyalgorithms hostkeyalias hostname identitiesonly
		identityagent identityfile ignoreunknown ipqos kbdinteractiveauthentication kbdinteractivedevices kexalgorithms knownhostscommand
		controlmaster localcommand localforward logverbose macs numberofpasswordprompts passwordauthentication permitremoteopen pkcs11provider
		port preferredauthentications proxycommand proxyjump proxyusefdpass pubkeyacceptedalgorithms pubkeyauthentication rekeylimit
		remotecommand remoteforward requiredrsasize revokedhostkeys securitykeyprovider sendenv setenv streamlocalbindmask
		streamlocalbindunlink syslogfacility tcpkeepalive tunneldevice user userknownhostsfile xauthlocation`)
	for key := range effective {
		if _, ours := want[key]; !ours && !slices.Contains(users, strings.ToLower(key)) {
			t.Logf("this ssh has the option %s, which is neither set by us nor left to the user by decision", key)
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
