package packaging_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/metrics"
)

// asked returns the names of metrics in expressions of PromQL.
func asked(expressions ...string) (names []string) {
	quoted := regexp.MustCompile(`"[^"]*"`)
	for _, e := range expressions {
		names = append(names, regexp.MustCompile(`\b[a-z]+(?:_[a-z]+)+\b`).FindAllString(quoted.ReplaceAllString(e, ""), -1)...)
	}
	return names
}

// alert is a rule of Prometheus.
type alert struct {
	Alert, Expr         string
	Labels, Annotations map[string]string
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var rules struct {
		Groups []struct{ Rules []alert }
	}
	content, err := os.ReadFile("prometheus/unidesk.rules.yml")
	if err == nil {
		err = yaml.Load(content, &rules)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range rules.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// An alert on a metric that the watch does not write never fires.
func TestTheAlertsAskForMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	all, seen := alerts(t), map[string]bool{}
	for _, a := range all {
		names := asked(a.Expr)
		for _, name := range names {
			if !slices.Contains(metrics.Names(), name) {
				t.Errorf("%s asks for %s, which is no metric", a.Alert, name)
			}
		}
		if seen[a.Alert] || len(names) == 0 || a.Labels["severity"] == "" || a.Annotations["summary"] == "" || !strings.Contains(a.Annotations["description"], " ") {
			t.Errorf("%+v lacks something, or is there twice", a)
		}
		seen[a.Alert] = true
	}
	if len(all) < 5 {
		t.Errorf("only %d alerts", len(all))
	}
}

// The dashboard shows all that there is, and nothing else.
func TestTheDashboardShowsEachMetric(t *testing.T) {
	t.Parallel()
	var board struct {
		UID        string
		Templating struct {
			List []struct{ Definition string }
		}
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	content, err := os.ReadFile("grafana/unidesk.json")
	if err == nil {
		err = json.Unmarshal(content, &board)
	}
	if err != nil {
		t.Fatal(err)
	}
	var expressions []string
	for _, v := range board.Templating.List {
		expressions = append(expressions, strings.ReplaceAll(v.Definition, "label_values", ""))
	}
	ids := map[int]bool{}
	for _, p := range board.Panels {
		if len(p.Targets) == 0 || p.Title == "" || ids[p.ID] || p.GridPos.X+p.GridPos.W > 24 || p.GridPos.H == 0 {
			t.Errorf("%+v", p)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			expressions = append(expressions, target.Expr)
		}
	}
	shown := asked(expressions...)
	for _, name := range shown {
		if !slices.Contains(metrics.Names(), name) {
			t.Errorf("the dashboard asks for %s, which is no metric", name)
		}
	}
	for _, name := range metrics.Names() {
		if !slices.Contains(shown, name) {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}

// The pages name the installed paths.
func TestThePackageBringsTheAlertsAndTheDashboard(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"nfpm-controller.yaml", "../docs/operations.md"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/usr/share/unidesk/prometheus/unidesk.rules.yml", "/usr/share/unidesk/grafana/unidesk.json"} {
			if !strings.Contains(string(content), path) {
				t.Errorf("%s does not name %s", name, path)
			}
		}
	}
}
