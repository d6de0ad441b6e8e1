package layers

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

func id(name string) artifact.Digest { return artifact.DigestOf([]byte(name)) }

func ids(names ...string) (list []artifact.Digest) {
	for _, n := range names {
		list = append(list, id(n))
	}
	return list
}

func TestBasesAreOrderedByLikeness(t *testing.T) {
	t.Parallel()
	releases := []release{
		{Repository: "b", Layers: ids("base2", "b9")},
		{Repository: "a", Layers: ids("base", "deps2", "a3")},
		{Repository: "b", Layers: ids("base", "b8")},
		{Repository: "a", Layers: ids("base", "deps1", "a2")},
	}
	have := ids("x", "base2", "b9", "a3", "deps2", "base", "b8", "deps1", "a2")
	for name, test := range map[string]struct {
		repo     string
		releases []release
		wanted   []Wanted
		have     []artifact.Digest
		want     []artifact.Digest
	}{
		"its own place first":      {"a", releases, []Wanted{{2, id("a4")}}, have, ids("a3", "base", "deps2", "deps1", "a2", "base2", "b9", "x", "b8")},
		"two layers":               {"a", releases, []Wanted{{1, id("deps3")}, {2, id("a4")}}, have, ids("deps2", "a3", "base", "deps1", "a2", "base2", "b9", "x", "b8")},
		"a layer more than before": {"a", releases, []Wanted{{3, id("a4")}}, have, ids("base", "deps2", "a3", "deps1", "a2", "base2", "b9", "x", "b8")},
		"a first release":          {"c", releases, []Wanted{{0, id("c1")}}, have, ids("base2", "b9", "base", "deps2", "a3", "x", "b8", "deps1", "a2")},
		"only what there is":       {"a", releases, []Wanted{{2, id("a4")}}, ids("x", "a2"), ids("a2", "x")},
		"not the wanted":           {"a", releases, []Wanted{{2, id("a3")}}, ids("a3", "x"), ids("x")},
		"without a record":         {"a", nil, []Wanted{{2, id("a4")}}, have[:2], have[:2]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := bases(test.repo, test.wanted, test.releases, test.have)
			if !slices.Equal(test.want, got) {
				t.Errorf("want %v\n got %v", test.want, got)
			}
		})
	}
}

func TestBasesLeavePlacesForOtherServices(t *testing.T) {
	t.Parallel()
	var mine, other []artifact.Digest
	for i := range 40 {
		mine, other = append(mine, id(fmt.Sprint("mine", i))), append(other, id(fmt.Sprint("other", i)))
	}
	got := bases("a", []Wanted{{39, id("new")}}, []release{{Repository: "a", Layers: mine}, {Repository: "b", Layers: other}}, append(slices.Clone(mine), other...))
	want := slices.Concat(mine[39:], mine[:11], other[:4])
	if !slices.Equal(want, got) {
		t.Errorf("want %v\n got %v", want, got)
	}
}

func TestReleasesAreRemembered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := OpenCache(dir, 0)
	for _, n := range []string{"kept", "tiny"} {
		content := make([]byte, map[string]int{"kept": worthABase, "tiny": worthABase - 1}[n])
		if err := os.WriteFile(filepath.Join(dir, id(n).Hex()), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	repo, err := artifact.ParseRepository("unidesk/a")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1700000000, 0)
	for i := range 6 {
		layers := ids("kept", fmt.Sprint(i))
		for range 2 {
			if err := c.Remember(repo, layers, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.Remember(repo, ids("gone"), at); err != nil { // of no use
		t.Fatal(err)
	}
	var got []artifact.Digest
	for _, r := range c.releases() {
		got = append(got, r.Layers...)
	}
	if diff := cmp.Diff(ids("kept", "5", "kept", "4", "kept", "3", "kept", "2"), got, cmp.Comparer(func(a, b artifact.Digest) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if got := c.Bases(repo, []Wanted{{0, id("new")}}); !slices.Equal(ids("kept"), got) {
		t.Errorf("bases %v", got)
	}
	if err := os.WriteFile(filepath.Join(dir, releasesName), []byte("{spoiled"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := c.Bases(repo, []Wanted{{0, id("new")}}); !slices.Equal(ids("kept"), got) {
		t.Errorf("bases without a record: %v", got)
	}
	if err := c.Remember(repo, ids("kept"), at); err != nil || len(c.releases()) != 1 {
		t.Errorf("%v, %v", c.releases(), err)
	}
}
