package lab

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/agent"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
)

// What the lab's CI publishes is what the sample's CI.json declares, and no more.
func TestTheSampleDeclaresWhatItsCIProduces(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../sample/CI.json")
	if err != nil {
		t.Fatal(err)
	}
	var ci struct {
		Artifacts []struct{ ServiceID, Kind, SourceRepo, ImageRef string }
	}
	if err := json.Unmarshal(content, &ci); err != nil {
		t.Fatal(err)
	}
	type naming struct{ source, ref string }
	got, want := map[string]naming{}, map[string]naming{}
	for _, a := range ci.Artifacts {
		if a.Kind != "upstream-image" {
			got[a.ServiceID] = naming{a.SourceRepo, a.ImageRef}
		}
	}
	for _, s := range slices.Concat(services(), servicesOfD601(), servicesOfK3s()) {
		want[s.id] = naming{s.source, "127.0.0.1:5000/unidesk/" + s.id}
	}
	if !maps.Equal(got, want) {
		t.Error(cmp.Diff(want, got, cmp.AllowUnexported(naming{})))
	}
}

// The lab's agent reads its agent.yaml, and places what the lab's catalog wants.
func TestTheLabPlacesItsServicesAsItsCatalogHasThem(t *testing.T) {
	t.Parallel()
	const prefix, addr = "lab7-", "127.0.0.1:5001"
	a, err := newAgent("unidesk-agent", t.TempDir(), "../sample", prefix, &Registry{Addr: addr}, newEngine(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	config, err := agent.LoadFile(a.Config)
	if err != nil {
		t.Fatal(err)
	}
	services, err := catalog.Parse(prefixServices(prefix, addr)(catalog.BuiltinFile()))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range servicesOfD601() {
		row, err := services.Row(s.id)
		if err != nil {
			t.Fatal(err)
		}
		want := row.Spec(artifact.Prod, "")
		placed, err := config.Projects[want.Ref.Scope()].Services.Specs(want.Ref.Scope())
		if err != nil || len(placed) != 1 || placed[0].Ref != want.Ref {
			t.Errorf("%s: placed are %+v, %v", s.id, placed, err)
		} else if d := placement.Differences(want, placed[0]); len(d) > 0 {
			t.Errorf("%s: %q", s.id, d)
		}
	}
}
