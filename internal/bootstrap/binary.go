package bootstrap

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// machine is an architecture in three tongues.
type machine struct {
	goarch string
	elf    elf.Machine
}

// machineOf returns the machine that an agent is built for, by the kernel's name.
func machineOf(uname string) (machine, error) {
	switch uname {
	case "x86_64":
		return machine{"amd64", elf.EM_X86_64}, nil
	case "aarch64":
		return machine{"arm64", elf.EM_AARCH64}, nil
	}
	return machine{}, fault.New(fault.Unsupported, "no agent is built for %q hosts; there are ones for x86_64 and aarch64", uname)
}

// LibDir is where the controller's package keeps the agents that it can put on hosts.
const LibDir = "/usr/lib/unidesk"

// Binary is an agent that fits a host.
type Binary struct {
	Path    string
	Content []byte
	SHA256  string
}

// FindBinary reads the agent for a host: the file that was named, else the first
// that is there of what stands beside the controller and what its package brought.
// UNSUPPORTED when there is none, or when the file is for another architecture.
func FindBinary(named, controller, uname string) (Binary, error) {
	m, err := machineOf(uname)
	if err != nil {
		return Binary{}, err
	}
	candidates := []string{named}
	if named == "" {
		beside := filepath.Dir(controller)
		candidates = []string{
			filepath.Join(beside, "unidesk-agent-"+m.goarch), filepath.Join(beside, "unidesk-agent"),
			filepath.Join(LibDir, "unidesk-agent-"+m.goarch),
		}
	}
	var wrong error
	for _, path := range candidates {
		content, err := os.ReadFile(path)
		if err == nil {
			err = m.check(path, content)
		}
		if err == nil {
			sum := sha256.Sum256(content)
			return Binary{path, content, hex.EncodeToString(sum[:])}, nil
		}
		if wrong == nil && (named != "" || !errors.Is(err, fs.ErrNotExist)) {
			wrong = err
		}
	}
	if wrong == nil {
		wrong = fault.New(fault.Unsupported, "there is no agent for %s here; looked for %s", m.goarch, strings.Join(candidates, ", "))
	}
	return Binary{}, fault.New(fault.Unsupported, "%w", wrong).
		WithHint("`make agents` builds bin/unidesk-agent-%s; --agent FILE names another place", m.goarch)
}

// check refuses what the host could not start.
func (m machine) check(path string, content []byte) error {
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return fault.New(fault.Unsupported, "%s is not a program of Linux", path)
	}
	defer func() { _ = f.Close() }()
	if f.Machine != m.elf {
		return fault.New(fault.Unsupported, "%s is for %s, the host needs %s", path, strings.TrimPrefix(f.Machine.String(), "EM_"), m.goarch)
	}
	return nil
}
