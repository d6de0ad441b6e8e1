package command

import "testing"

func TestARateIsASizeThatIsNotTooSmall(t *testing.T) {
	t.Parallel()
	var r byteRate
	if r.String() != "" {
		t.Errorf("no rate is %q", r.String())
	}
	if err := r.Set("5MB"); err != nil || r != 5e6 || r.String() != "5.0 MB" {
		t.Errorf("%d, %v", r, err)
	}
	for _, s := range []string{"", "5", "9999", "x", "-5MB"} {
		if err := r.Set(s); err == nil || r != 5e6 {
			t.Errorf("%q is taken as %d", s, r)
		}
	}
}
