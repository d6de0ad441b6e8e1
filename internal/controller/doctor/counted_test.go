package doctor

import (
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

func TestOneIsNotMany(t *testing.T) {
	t.Parallel()
	if got := plain.Count(1, "host") + ", " + plain.Count(0, "layer") + ", " + plain.Count(2, "service"); got != "1 host, 0 layers, 2 services" {
		t.Error(got)
	}
}
