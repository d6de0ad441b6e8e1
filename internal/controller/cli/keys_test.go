package cli

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/build"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/doctor"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/explain"
)

func TestThePageNamesEveryKeyForPeople(t *testing.T) {
	t.Parallel()
	page := string(must(os.ReadFile("../../../docs/output.md")))
	for _, v := range []any{doctor.Diagnosis{}, doctor.Finding{}, inventory.RollbackOptions{}, inventory.Candidate{}, present.Tailed{}, present.Printed{}, present.CatalogChecked{}, present.Versions{}, present.HostVersion{}, build.Info{}, present.Explanation{}, present.Explanations{}, explain.Entry{}} {
		for f := range reflect.TypeOf(v).Fields() {
			if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); !f.Anonymous && !strings.Contains(page, "`"+key+"`") {
				t.Errorf("docs/output.md does not name %q of %T", key, v)
			}
		}
	}
	for _, word := range []string{inventory.InRegistry, inventory.MovedThere, inventory.GoneThere, inventory.UnknownThere, string(doctor.LevelOK), string(doctor.LevelWarning), string(doctor.LevelFault)} {
		if !strings.Contains(page, "`"+word+"`") {
			t.Errorf("docs/output.md does not name %q", word)
		}
	}
}
