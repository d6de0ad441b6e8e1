package registry_test

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

var update = flag.Bool("update", false, "write what is rendered into testdata")

// pinned is a second set of settings: a digest, ::1, other places.
func pinned() registry.Settings {
	return registry.Settings{
		Image:     "registry:2.8.3@sha256:a3d8aaa63ed8681a604f1dea0aa03f100d5895b6a58ace528858a7b332415373",
		Directory: "/srv/registry/etc", Storage: "/srv/registry/blobs",
		Endpoint: netip.MustParseAddrPort("[::1]:5001"),
	}
}

// A changed hash is drift on every host that has the registry: these change with
// intent only.
func TestRenderedFilesAreTheGoldenOnes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		settings registry.Settings
		hashes   map[registry.FileName]string
	}{
		{"defaults", registry.Defaults(), map[registry.FileName]string{
			registry.ConfigFile:  "sha256:479b513f6c331c956888be0551c331b902f8f144f5fd6d80ac0dee29784916dd",
			registry.ComposeFile: "sha256:9fa1e5973418d85d4e07a62343fb884838eedec59811b0a2347b4b75b3f44a0d",
			registry.UnitFile:    "sha256:e45a2a66d68ea3f83e8d0a6a74e679c56de214bf72b62d7ee97a87477b94d33c",
		}},
		{"pinned", pinned(), map[registry.FileName]string{
			registry.ConfigFile:  "sha256:479b513f6c331c956888be0551c331b902f8f144f5fd6d80ac0dee29784916dd",
			registry.ComposeFile: "sha256:37d6fff156dc33c491cb5efa7391a6e7200ce618d3078bffc0d0b6d131dabe80",
			registry.UnitFile:    "sha256:6421c691f6ecc5e1392d009ece2861851ce97fdebba6c186b6a82287738e5b02",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := tt.settings.Validate(); err != nil {
				t.Fatal(err)
			}
			got := map[registry.FileName]string{}
			for _, f := range registry.Render(tt.settings) {
				got[f.Name] = f.Hash().String()
				golden := filepath.Join("testdata", tt.name, filepath.Base(f.Path))
				if *update {
					if err := os.WriteFile(golden, f.Content, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), string(f.Content)); diff != "" {
					t.Errorf("%s (-golden +rendered):\n%s", f.Path, diff)
				}
			}
			if diff := cmp.Diff(tt.hashes, got); diff != "" {
				t.Errorf("hashes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheSameSettingsGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	first := registry.Render(registry.Defaults())
	for range 20 {
		for i, f := range registry.Render(registry.Defaults()) {
			if !bytes.Equal(f.Content, first[i].Content) {
				t.Fatalf("%s differs from the time before", f.Name)
			}
		}
	}
	for i, f := range first {
		if f.Name != registry.FileNames()[i] {
			t.Errorf("file %d is %s", i, f.Name)
		}
	}
}

// What the specification fixes by value (28, 29, 16 to 21), read as YAML reads it.
func TestTheComposeFileSaysWhatTheSpecificationDoes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		settings registry.Settings
		port     string
	}{{registry.Defaults(), "127.0.0.1:5000:5000"}, {pinned(), "[::1]:5001:5000"}} {
		var got struct {
			Name     string
			Services map[string]struct {
				Image         string
				ContainerName string `yaml:"container_name"`
				Ports         []string
				Build         any
				PullPolicy    string `yaml:"pull_policy"`
				Volumes       []struct{ Source, Target string }
			}
		}
		if err := yaml.Unmarshal(registry.Render(tt.settings)[1].Content, &got); err != nil {
			t.Fatal(err)
		}
		service, only := got.Services["registry"]
		if !only || len(got.Services) != 1 || got.Name != registry.Project {
			t.Fatalf("project %q has %v", got.Name, got.Services)
		}
		if service.Image != tt.settings.Image || service.ContainerName != registry.Container || service.Build != nil || service.PullPolicy != "" {
			t.Errorf("service is %+v", service)
		}
		if diff := cmp.Diff([]string{tt.port}, service.Ports); diff != "" {
			t.Error(diff)
		}
		want := []struct{ Source, Target string }{
			{tt.settings.Directory + "/config.yml", "/etc/docker/registry/config.yml"}, {tt.settings.Storage, "/var/lib/registry"},
		}
		if diff := cmp.Diff(want, service.Volumes); diff != "" {
			t.Error(diff)
		}
	}
}
