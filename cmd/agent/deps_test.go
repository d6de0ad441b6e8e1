package main

import (
	"os/exec"
	"strings"
	"testing"
)

// banned are packages, and all below them, that the agent must not link, and why.
var banned = map[string]string{
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog":    "the agent decides nothing that the catalog decides",
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract":   "the agent acts, the controller decides",
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy":     "the agent acts, the controller decides",
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller": "arrows point one way",
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger":     "receipts are the controller's",
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy":     "a host names actions, the controller knows its own lines",
	"github.com/compose-spec/compose-go/v2/loader":                 "a Compose project is read by the host's own Compose, which also runs it: two readers could differ",
	"github.com/docker/compose":                                    "as compose-go: Compose is a program that is run, and that outlives us",
	"github.com/moby/moby/client":                                  "internal/engine speaks docker/docker/client; two of them would be two truths",
	"github.com/pikasTech/unidesk-artifact-cd/internal/hostile":    "the product does not know its tests",
	"github.com/spf13/cobra/doc":                                   "manual pages are made by packaging/man, when a package is built",
	"github.com/cpuguy83/go-md2man":                                "as cobra/doc",
	"net/http/pprof":                                               "heap dumps hold what the process holds",
	"expvar":                                                       "registers itself on a listener",
}

func TestTheAgentDoesNotLink(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 100 {
		t.Fatalf("only %d packages", len(deps))
	}
	for _, dep := range deps {
		for pkg, reason := range banned {
			if dep == pkg || strings.HasPrefix(dep, pkg+"/") {
				t.Errorf("%s is linked: %s", dep, reason)
			}
		}
	}
}
