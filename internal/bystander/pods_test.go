package bystander_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/bystander"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestPodsThatOnlyScaleDisturbNobody(t *testing.T) {
	t.Parallel()
	target, err := workload.NewRef(workload.Kubernetes, "unidesk", "web")
	if err != nil {
		t.Fatal(err)
	}
	pod := func(name string) workload.Neighbour { // "GROUP NUMBER", "GROUP NUMBER stopped"
		words := strings.Fields(name)
		n := workload.Neighbour{ID: words[0] + words[1], Name: words[0] + "-" + words[1], Scope: "unidesk", Group: words[0], Running: len(words) == 2, Started: at(0)}
		if words[0] == "job" {
			n.Group = ""
		}
		return n
	}
	for name, c := range map[string]struct{ before, after, want string }{
		"nothing happens":         {"api 1,api 2", "api 2,api 1", ""},
		"the target's own pods":   {"web 1,web 2", "web 3,web 4", ""},
		"more pods":               {"api 1", "api 1,api 2,api 3", ""},
		"less pods":               {"api 1,api 2", "api 2", ""},
		"a job's pod ends":        {"job 1,api 1", "api 1", ""},
		"a job's pod begins":      {"api 1", "api 1,job 1", ""},
		"all pods are replaced":   {"api 1,api 2", "api 3,api 4", "recreated api-1"},
		"all pods are gone":       {"api 1,api 2", "", "removed api-1"},
		"a Deployment is new":     {"", "api 1,api 2", "created api-1"},
		"a pod that stays stops":  {"api 1,api 2", "api 1,api 2 stopped", "stopped api-2"},
		"one of two is replaced":  {"api 1,api 2", "api 1,api 3", ""},
		"two Deployments at once": {"api 1,db 1", "api 2,db 2", "recreated api-1, recreated db-1"},
	} {
		list := func(text string) (all []workload.Neighbour) {
			for one := range strings.SplitSeq(text, ",") {
				if one != "" {
					all = append(all, pod(one))
				}
			}
			return all
		}
		b, a := bystander.Pods(list(c.before), list(c.after))
		var got []string
		for _, d := range bystander.Disturbed(bystander.Snapshot{At: at(0), Containers: b}, bystander.Snapshot{At: at(1), Containers: a}, target, nil) {
			got = append(got, string(d.Kind)+" "+d.Name)
			if strings.Contains(d.Detail, "project") {
				t.Errorf("%s: %s", name, d.Detail)
			}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
