package present

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
)

func TestWhatIsHeldIsListedNewestFirstAndOnlyCommitsCount(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := printShelves(narrow(&out), inventory.Shelves(t.Context(), registryOf, builtin(t))); err != nil {
		t.Fatal(err)
	}
	digest := func(name string) string { return artifact.DigestOf([]byte(name)).Hex()[:12] }
	c, a, b, d := strings.Repeat("c", 40), strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("d", 40)
	want := "SERVICE    COMMIT                                    DIGEST        SIZE     AGE\n" +
		"frontend   " + c + "  " + digest(c) + "  1.0 kB   2 h\n" +
		"frontend   " + a + "  " + digest(a) + "  12.3 MB  3 d\n" +
		"frontend   " + b + "  " + digest(b) + "  -        -\n" +
		"todo-note  " + d + "  " + digest(d) + "  999 B    30 min\n" +
		"frontend has 3 tags beside the full commits, never deployed: latest, v1.2, 0123456789ab\n" +
		"nothing is published of baidu-netdisk, project-manager\n" +
		"not known: what the registry holds of oa-event-flow (REGISTRY_UNAVAILABLE)\n  registry does not answer\n" +
		"  look at it\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestASingleTagIsNoPlural(t *testing.T) {
	t.Parallel()
	list := inventory.Shelves(t.Context(), registryOf, builtin(t)[:1])
	list[0].Others = []string{"latest"}
	var out strings.Builder
	if err := printShelves(narrow(&out), list); err != nil {
		t.Fatal(err)
	}
	if want := list[0].Service.String() + " has 1 tag beside the full commits, never deployed: latest\n"; !strings.Contains(out.String(), want) {
		t.Errorf("%s, want %s", out.String(), want)
	}
}

func TestABrokenTagIsShownBesideTheOthers(t *testing.T) {
	t.Parallel()
	list := inventory.Shelves(t.Context(), registryOf, builtin(t)[1:2])
	list[0].Broken = []inventory.Broken{{Name: "eeee", Trouble: "its \x1b[31mlink is empty"}}
	var out strings.Builder
	if err := printShelves(narrow(&out), list); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "frontend eeee cannot be read: its ") || !strings.Contains(out.String(), "link is empty\n") ||
		!strings.Contains(out.String(), strings.Repeat("a", 40)) || strings.Contains(out.String(), "\x1b[31m") {
		t.Error(out.String())
	}
}
