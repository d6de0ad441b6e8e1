package declared_test

import (
	"slices"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/compose/declared"
)

func TestWhatADryRunReplacesIsSorted(t *testing.T) {
	t.Parallel()
	said := []byte(` DRY-RUN MODE -  Network p_front  Removing 
 DRY-RUN MODE -  Network "p_default"  Removing 
 DRY-RUN MODE -  Network p_front  Removed 
 DRY-RUN MODE -  Network p_beside  Created 
time="x" level=warning msg="Volume \"p_b\" exists"
? Volume "p_b" exists but doesn't match configuration in compose file. Recreate (data will be lost)? No
? Volume "p_a" exists but doesn't match configuration in compose file. Recreate (data will be lost)? No
`)
	networks, volumes := declared.Replaced(said)
	if want := []string{"p_default", "p_front"}; !slices.Equal(networks, want) {
		t.Errorf("networks %q, want %q", networks, want)
	}
	if want := []string{"p_a", "p_b"}; !slices.Equal(volumes, want) {
		t.Errorf("volumes %q, want %q", volumes, want)
	}
}
