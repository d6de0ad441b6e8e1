package doctor

import (
	"slices"
	"strings"
	"testing"
)

func TestAPlacementThatDiffersHasTheCommandThatPrintsTheRightOne(t *testing.T) {
	t.Parallel()
	list := judgeServices("D601", []serviceFacts{
		{service: "findjob"}, {service: "pipeline", differences: []string{"image is other, want pipeline", "probe.port is 1, want 8080"}},
	})
	i := slices.IndexFunc(list, func(f Finding) bool { return f.Check == "service pipeline" })
	if i < 0 || list[i].Level != LevelFault || !strings.Contains(list[i].Fix, "`unidesk-controller host placement D601`") ||
		!strings.HasSuffix(list[i].What, ": image is other, want pipeline; probe.port is 1, want 8080") {
		t.Errorf("%+v", list)
	}
	if slices.ContainsFunc(list, func(f Finding) bool { return f.Check == "service findjob" }) {
		t.Errorf("what is placed as it should be has a finding: %+v", list)
	}
}
