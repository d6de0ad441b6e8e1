// Package registry is the managed registry of a host: the content of its three files
// (render), what a host was seen to have (facts), what that is worth (judge), and the
// order in which it is made so (install). It is pure but for the small interface
// through which [Install] acts. Controller and agent both link it: they render the same
// bytes from the same settings, and compare hashes.
//
// What it refuses: an address that is not loopback, a path that is not absolute
// and clean, or is right below "/". The danger is the storage folder; nothing here
// can name a way to remove it.
package registry

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// The names by which a host's admin finds the registry (specification,
// "Architecture"). They are not settings: every tool and page names them.
const (
	Unit      = "unidesk-artifact-registry.service"
	Project   = "unidesk-artifact-registry"
	Container = "unidesk-artifact-registry"
	// UnitFolder is where a host's own units are (systemd.unit(5)).
	UnitFolder = "/etc/systemd/system"
)

// Settings are all that the three files depend on.
type Settings struct {
	// Image is a reference with a tag, a digest or both.
	Image string `yaml:"image" json:"image"`
	// Directory is the folder of config.yml and compose.yml.
	Directory string `yaml:"directory" json:"directory"`
	// Storage is the folder of the blobs.
	Storage string `yaml:"storage" json:"storage"`
	// Endpoint is the loopback address and port on the host.
	Endpoint netip.AddrPort `yaml:"endpoint" json:"endpoint"`
}

// Defaults are the specification's values.
func Defaults() Settings {
	return Settings{
		Image:     "registry:2.8.3",
		Directory: "/home/ubuntu/.unidesk/artifact-registry",
		Storage:   "/home/ubuntu/.unidesk/registry-storage",
		Endpoint:  netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 5000),
	}
}

var (
	// imageForm is the part of the reference grammar (distribution/reference) that
	// fixes the version: a name alone would be "latest".
	imageForm = regexp.MustCompile(`^[a-z0-9]+([._:/-][a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$`)
	// pathForm leaves out what YAML, Compose or systemd give a meaning to. A folder
	// right below "/" lies below no root that a host can allow.
	pathForm = regexp.MustCompile(`^(/[A-Za-z0-9._-]+){2,}$`)
)

// Validate reports every fault at once, as CONFIG_INVALID.
func (s Settings) Validate() error {
	var faults []error
	if !imageForm.MatchString(s.Image) || !pinned(s.Image) {
		faults = append(faults, fmt.Errorf("image %q is not NAME:TAG or NAME@sha256:DIGEST", s.Image))
	}
	for _, p := range []struct{ key, value string }{{"directory", s.Directory}, {"storage", s.Storage}} {
		if !pathForm.MatchString(p.value) || path.Clean(p.value) != p.value {
			faults = append(faults, fmt.Errorf("%s %q is not a plain absolute path of two names or more", p.key, p.value))
		}
	}
	if within(s.Directory, s.Storage) || within(s.Storage, s.Directory) {
		faults = append(faults, errors.New("directory and storage lie in each other"))
	}
	// A zone may be any text, and a v4 address in v6's clothes is not what the kernel lists.
	if a := s.Endpoint.Addr(); !a.IsLoopback() || a.Zone() != "" || a.Is4In6() || s.Endpoint.Port() == 0 {
		faults = append(faults, fmt.Errorf("endpoint %q is not a loopback address and port", s.Endpoint))
	}
	if len(faults) > 0 {
		return fault.New(fault.ConfigInvalid, "registry: %w", errors.Join(faults...))
	}
	return nil
}

// pinned reports whether the reference names a version: a tag other than latest,
// or a digest.
func pinned(image string) bool {
	name, digest, _ := strings.Cut(image, "@")
	last := name[strings.LastIndexByte(name, '/')+1:]
	_, tag, tagged := strings.Cut(last, ":")
	return digest != "" || tagged && tag != "latest"
}

// within reports whether p is dir or lies below it.
func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// Allowed reports, as PATH_REFUSED, a folder of the settings that does not lie below a
// root that its host's agent.yaml allows.
func (s Settings) Allowed(roots []string) error {
	for _, p := range []string{s.Directory, s.Storage} {
		ok := false
		for _, root := range roots {
			ok = ok || within(p, root) && p != root
		}
		if !ok {
			return fault.New(fault.PathRefused, "%s is not below a folder that this host allows for a registry (%s)", p, strings.Join(roots, ", ")).
				WithHint("on the agent's host, as root: list its parent under registryRoots in agent.yaml and restart unidesk-agent")
		}
	}
	return nil
}
