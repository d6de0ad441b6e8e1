package main

import (
	"flag"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the commands print into the stories")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"unidesk-controller": func() { os.Exit(run()) },
	})
}

// Each story in testdata/script is a promise of the product, named after it.
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("COMMIT", "0123456789abcdef0123456789abcdef01234567")
			return nil
		},
	})
}
