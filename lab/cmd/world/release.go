package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// release is a commit that the registry holds an image of.
type release struct{ service, commit, message string }

// services are those that something is released of: two of the master, a service of
// D601, and a service behind the supervisor's gate.
var services = [...]string{"baidu-netdisk", "todo-note", "findjob", "code-queue-mgr"}

// The releases of each service, in their order.
const (
	first = iota
	better
	broken
	each
)

var changes = [each]lab.Change{
	first:  {Behaviour: "ok", Message: "the first version"},
	better: {Behaviour: "ok", Message: "a better one"},
	broken: {Behaviour: "never-healthy", Message: "one that never becomes healthy"},
}

// releaseAll publishes every release, and wishes for the better ones in deploy.json.
func releaseAll(ctx context.Context, w *lab.World, log func(string, ...any)) (all []release, err error) {
	type wish struct {
		Commit string `json:"commit"`
	}
	wishes := map[string]wish{}
	for _, service := range services {
		for i, change := range changes {
			log("releasing %s: %s", service, change.Message)
			v, err := w.CI.Release(ctx, service, change)
			if err != nil {
				return nil, err
			}
			all = append(all, release{service, v.SourceCommit, change.Message})
			if i == better {
				wishes[service] = wish{v.SourceCommit}
			}
		}
	}
	content, err := json.MarshalIndent(map[string]any{
		"environments": map[string]any{"prod": map[string]any{"services": wishes}},
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	return all, os.WriteFile(filepath.Join(w.Master.Root, "deploy.json"), append(content, '\n'), 0o600)
}

// controller is the product's command as a shell takes it: its own docker compose
// has to find the plugin.
func controller(w *lab.World) string {
	var words []string
	for _, v := range w.Controller.Env() {
		if strings.HasPrefix(v, "DOCKER_CONFIG=") {
			words = append(words, v)
		}
	}
	return strings.Join(append(words, w.Controller.Program, "--config", w.Controller.Config), " ")
}

// script is a first walk through what the product does.
func script(w *lab.World, all []release) string {
	deploy := func(i int) string {
		return fmt.Sprintf("unidesk-controller artifact-registry deploy-service --service %s --commit %s", all[i].service, all[i].commit)
	}
	return strings.Join([]string{
		"unidesk-controller() { " + controller(w) + ` "$@"; }`, // so that its hints can be typed
		"unidesk-controller doctor                     # here no registry is managed, nothing watches, and D601 has no cluster",
		"unidesk-controller artifact-registry list",
		deploy(first) + "              # a plan",
		deploy(first) + " --run-now    # live, and proven",
		deploy(broken) + " --run-now    # is reverted",
		"unidesk-controller deploy diff --env prod     # what deploy.json wants",
		"unidesk-controller deploy apply --env prod",
		"unidesk-controller history",
	}, "\n") + "\n"
}
