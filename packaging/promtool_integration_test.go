//go:build integration

package packaging_test

import (
	"strings"
	"testing"
)

// Prometheus reads the rules, and each fires at what it is for.
func TestPromtoolTakesTheAlerts(t *testing.T) {
	t.Parallel()
	out := run(t, "prometheus", "022", nil, "sh", "-ec", "promtool check rules unidesk.rules.yml; promtool test rules unidesk.test.yml")
	if !strings.Contains(out, "SUCCESS: ") {
		t.Error(out)
	}
	tests := run(t, "prometheus", "022", nil, "cat", "unidesk.test.yml")
	for _, a := range alerts(t) {
		if !strings.Contains(tests, "alertname: "+a.Alert+"\n        exp_alerts:") {
			t.Errorf("no test sees %s fire", a.Alert)
		}
	}
}
