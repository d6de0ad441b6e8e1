package present

import (
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

func TestAnAgeIsForPeople(t *testing.T) {
	t.Parallel()
	for age, want := range map[time.Duration]string{
		-time.Hour: "now", 0: "now", 59 * time.Second: "now", time.Minute: "1 min", 59 * time.Minute: "59 min",
		time.Hour: "1 h", 47 * time.Hour: "47 h", 48 * time.Hour: "2 d", 900 * day: "900 d",
	} {
		if got := plain.Age(now, now.Add(-age)); got != want {
			t.Errorf("%v is %q, want %q", age, got, want)
		}
	}
	if got := plain.Age(now, time.Time{}); got != "-" {
		t.Errorf("an unknown age is %q", got)
	}
}
