package controller_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// The page that scripts are written by names every key and every point.
func TestOutputPageIsComplete(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/output.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{
		deploy.Result{},
		deploy.Failure{},
		deploy.Recovery{},
		deploy.Gate{},
		deploy.Reconciliation{},
		deploy.Reconciled{},
		deploy.Comparison{},
		deploy.Difference{},
	} {
		for f := range reflect.TypeOf(v).Fields() {
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !strings.Contains(string(page), "`"+key+"`") {
				t.Errorf("docs/output.md does not name %q of %T", key, v)
			}
		}
	}
	for _, p := range workload.Points() {
		if !strings.Contains(string(page), "`"+string(p)+"`") {
			t.Errorf("docs/output.md does not name the point %q", p)
		}
	}
}
