package doctor

import (
	"testing"
)

func TestOneIsNotMany(t *testing.T) {
	t.Parallel()
	if got := Counted(1, "host") + ", " + Counted(0, "layer") + ", " + Counted(2, "service"); got != "1 host, 0 layers, 2 services" {
		t.Error(got)
	}
}
