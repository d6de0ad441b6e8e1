package bootstrap

import (
	"bufio"
	"bytes"
	"context"
	_ "embed" // the script that reads the facts
	"errors"
	"strconv"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// factsScript only reads. Nothing is ever written into it.
//
//go:embed facts.sh
var factsScript string

// Facts are what an account that only has ssh learns of a host.
type Facts struct {
	// Machine is the hardware's name in the kernel's words (uname -m).
	Machine string
	UID     int
	Account string
	Systemd bool
	// Missing are programs that a bootstrap needs and the host lacks.
	Missing []string
	// Sudo is root, yes, no (it asks for a password, or forbids) or missing.
	Sudo string
	// Group is true if the group of the agent's socket is there, Member if the account is in it.
	Group, Member bool
	// Files has the SHA-256 of each file that a bootstrap puts there, and of what it
	// kept; or one of the states below.
	Files map[string]string
	// Package is the dpkg package that the agent's binary belongs to, "" for none.
	Package string
	// Free are bytes that are free in these folders.
	Free  map[string]int64
	Units map[string]Unit
	// Docker is true if the docker command is there, Engine if the engine's socket is.
	Docker, Engine bool
	// K3s is true if the host is a node of k3s.
	K3s bool
	// Cluster is what a grant in the host's cluster would do, and Trouble why this cannot
	// be known. Both are empty if the agent needs nothing there.
	Cluster []Act
	Trouble string
}

// What is at a path without a hash.
const (
	fileAbsent     = "absent"
	fileOther      = "other" // a symbolic link, a folder
	fileUnreadable = "unreadable"
)

// Unit is a unit's state from systemd; "-" for a state that systemd does not report.
type Unit struct{ Load, Active, Enabled string }

// AgentInstalled reports whether there is an agent's binary.
func (f Facts) AgentInstalled() bool {
	state := f.Files[agentPath]
	return state != "" && state != fileAbsent
}

// Shell runs a command on a host, as [tunnel.Run] does.
type Shell func(ctx context.Context, argv []string, stdin []byte) ([]byte, error)

// Look reads a host's facts. It needs ssh and a POSIX shell there, neither an agent nor
// any privilege, and changes nothing. Its errors are those of the shell, which
// distinguishes an unreachable host from a wrong host key.
func Look(ctx context.Context, shell Shell) (Facts, error) {
	out, err := shell(ctx, []string{"sh", "-c", factsScript}, nil)
	own := (*tunnel.ExitError)(nil)
	if bytes.HasPrefix(out, []byte(tunnel.Preface)) || errors.As(err, &own) && !bytes.Contains(out, []byte("unidesk-host-facts/1")) {
		return Facts{}, forced(out, own)
	}
	if err != nil {
		return Facts{}, err
	}
	return parseFacts(out)
}

// forced is the fault of a host that runs another command than the requested one.
func forced(out []byte, ended *tunnel.ExitError) error {
	what := "the host does not run what it is asked to run"
	switch {
	case bytes.HasPrefix(out, []byte(tunnel.Preface)):
		what = "an agent answers whatever the host is asked to run"
	case ended != nil:
		what += ": " + ended.Error()
	}
	return fault.New(fault.Unsupported, "%s", what).
		WithHint("sshd's ForceCommand, or command= of the key in authorized_keys, answers: bootstrap with a key and an account that may run any command")
}

func parseFacts(out []byte) (Facts, error) {
	f := Facts{Files: map[string]string{}, Free: map[string]int64{}, Units: map[string]Unit{}}
	begun, ended := false, false
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan() && !ended; {
		switch line := lines.Text(); {
		case line == "unidesk-host-facts/1":
			begun = true
		case line == "end":
			ended = begun
		case begun:
			f.take(strings.Fields(line))
		}
	}
	if !ended {
		return Facts{}, fault.New(fault.HostUnreachable, "the host answers, but not with its facts; it says %.200q", out).
			WithHint("the account's login shell must run `sh -c` as any shell does")
	}
	return f, nil
}

// take notes a line's fact. A line that it does not know is another program's.
func (f *Facts) take(words []string) {
	if len(words) < 2 {
		return
	}
	value := words[1]
	switch words[0] {
	case "machine":
		f.Machine = value
	case "uid":
		f.UID, _ = strconv.Atoi(value)
	case "account":
		f.Account = value
	case "systemd":
		f.Systemd = value == "yes"
	case "missing":
		f.Missing = append(f.Missing, value)
	case "sudo":
		f.Sudo = value
	case "group":
		f.Group = value == "yes"
	case "member":
		f.Member = value == "yes"
	case "package":
		f.Package = value
	case "docker":
		f.Docker = value == "yes"
	case "engine":
		f.Engine = value == "yes"
	case "k3s":
		f.K3s = value == "yes"
	}
	switch {
	case words[0] == "file" && len(words) == 3:
		f.Files[value] = words[2]
	case words[0] == "free" && len(words) == 3:
		if kib, err := strconv.ParseInt(words[2], 10, 64); err == nil {
			f.Free[value] = kib << 10
		}
	case words[0] == "unit" && len(words) == 5:
		f.Units[value] = Unit{Load: words[2], Active: words[3], Enabled: words[4]}
	}
}
