package lab

import (
	"encoding/json"
	"maps"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
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
	for _, s := range append(services(), servicesOfD601()...) {
		want[s.id] = naming{s.source, "127.0.0.1:5000/unidesk/" + s.id}
	}
	if !maps.Equal(got, want) {
		t.Error(cmp.Diff(want, got, cmp.AllowUnexported(naming{})))
	}
}
