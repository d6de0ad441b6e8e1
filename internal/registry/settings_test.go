package registry_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

func TestSettingsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*registry.Settings)
		want   string
	}{
		"an image without a version":      {func(s *registry.Settings) { s.Image = "registry" }, `image "registry"`},
		"latest":                          {func(s *registry.Settings) { s.Image = "registry:latest" }, "latest"},
		"a port is not a tag":             {func(s *registry.Settings) { s.Image = "localhost:5000/registry" }, "image"},
		"an image that would be YAML":     {func(s *registry.Settings) { s.Image = "registry:2\nbuild: ." }, "image"},
		"a relative folder":               {func(s *registry.Settings) { s.Directory = "registry" }, "directory"},
		"a path with a way up":            {func(s *registry.Settings) { s.Directory = "/home/../etc" }, "directory"},
		"a path that systemd would read":  {func(s *registry.Settings) { s.Storage = "/srv/%h" }, "storage"},
		"a path that Compose would read":  {func(s *registry.Settings) { s.Storage = "/srv/$HOME" }, "storage"},
		"a folder that no root holds":     {func(s *registry.Settings) { s.Storage = "/registry" }, "storage"},
		"the folders in each other":       {func(s *registry.Settings) { s.Storage = s.Directory + "/blobs" }, "in each other"},
		"every address":                   {func(s *registry.Settings) { s.Endpoint = netip.MustParseAddrPort("0.0.0.0:5000") }, "loopback"},
		"an address of the network":       {func(s *registry.Settings) { s.Endpoint = netip.MustParseAddrPort("192.168.0.4:5000") }, "loopback"},
		"no port":                         {func(s *registry.Settings) { s.Endpoint = netip.MustParseAddrPort("127.0.0.1:0") }, "loopback"},
		"no endpoint":                     {func(s *registry.Settings) { s.Endpoint = netip.AddrPort{} }, "loopback"},
		"a v4 address as v6":              {func(s *registry.Settings) { s.Endpoint = netip.MustParseAddrPort("[::ffff:127.0.0.1]:5000") }, "loopback"},
		"a zone that Compose cannot read": {func(s *registry.Settings) { s.Endpoint = netip.MustParseAddrPort("[::1%lo]:5000") }, "loopback"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := registry.Defaults()
			tt.change(&s)
			err := s.Validate()
			if fault.ReasonOf(err) != fault.ConfigInvalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want CONFIG_INVALID about %q", err, tt.want)
			}
		})
	}
}

func TestEveryFaultIsToldAtOnce(t *testing.T) {
	t.Parallel()
	err := registry.Settings{}.Validate()
	for _, want := range []string{"image", "directory", "storage", "endpoint"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

func TestAHostAllowsWhatLiesBelowItsRoots(t *testing.T) {
	t.Parallel()
	s := registry.Defaults()
	for name, tt := range map[string]struct {
		roots []string
		ok    bool
	}{
		"both below one":          {[]string{"/home/ubuntu/.unidesk"}, true},
		"each below its own":      {[]string{"/home/ubuntu/.unidesk/artifact-registry/..", "/home/ubuntu"}, true},
		"none":                    {nil, false},
		"only one of them":        {[]string{"/home/ubuntu/.unidesk/registry"}, false},
		"the folder itself":       {[]string{s.Directory, s.Storage}, false},
		"a name that begins like": {[]string{"/home/ubu"}, false},
	} {
		if err := s.Allowed(tt.roots); (err == nil) != tt.ok || err != nil && fault.ReasonOf(err) != fault.PathRefused {
			t.Errorf("%s: %v", name, err)
		}
	}
}
