package main

import (
	"os/exec"
	"strings"
	"testing"
)

// banned are packages, and all below them, that the controller must not link, and why.
var banned = map[string]string{
	"github.com/pikasTech/unidesk-artifact-cd/internal/agent":   "arrows point one way",
	"github.com/pikasTech/unidesk-artifact-cd/internal/pull":    "the registry is read where it is, by the agent",
	"github.com/google/go-containerregistry":                    "the registry is read where it is, by the agent",
	"github.com/pikasTech/unidesk-artifact-cd/lab":              "the product does not know its tests",
	"github.com/pikasTech/unidesk-artifact-cd/internal/hostile": "the product does not know its tests",
	"github.com/santhosh-tekuri/jsonschema":                     "a test holds answers against their schema, not the product",
	"github.com/spf13/cobra/doc":                                "manual pages are made by packaging/man, when a package is built",
	"github.com/cpuguy83/go-md2man":                             "as cobra/doc",
	"net/http/pprof":                                            "heap dumps hold what the process holds",
}

func TestTheControllerDoesNotLink(t *testing.T) {
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
