package doctor

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/source"
)

// examineSources asks each configured remote for its branches, as a deploy would begin
// to, all at the same time. Without a configured remote it finds nothing.
func examineSources(ctx context.Context, c site.Config, rows []catalog.Row) []Finding {
	remotes, err := c.Remotes()
	if err != nil || len(remotes) == 0 {
		return nil // the configuration's own finding describes what is wrong
	}
	urls := slices.Sorted(maps.Keys(remotes))
	list := make([]Finding, len(urls))
	var asking sync.WaitGroup
	for i, url := range urls {
		asking.Go(func() {
			branches, err := remotes[url].Answers(ctx, source.Patience)
			list[i] = judgeSource(url, rows, branches, err)
		})
	}
	asking.Wait()
	return list
}

// judgeSource is about the remote of a source: how many branches it has, or why it did
// not answer.
func judgeSource(url string, rows []catalog.Row, branches int, err error) Finding {
	check := "source " + source.Shown(url)
	used, bad := false, LevelWarning
	for _, row := range rows {
		if provenance.Plain(row.Source) != provenance.Plain(url) {
			continue
		}
		if used = true; row.Provenance == provenance.Required {
			bad = LevelFault
		}
	}
	switch {
	case err != nil:
		return amiss(bad, check, "as root: `apt-get install git`, and as this account `git ls-remote` of what controller.yaml names (sources)", "its remote does not answer: %v", err)
	case !used && len(rows) > 0:
		return amiss(LevelWarning, check, "name it in controller.yaml (sources) as services.yaml does", "no service of the catalog is built from it")
	}
	return fine(check, "its remote answers, with %d branches", branches)
}
