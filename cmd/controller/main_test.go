package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/schema"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/schema/schematest"
)

var update = flag.Bool("update", false, "write what the commands print into the stories")

// heard names the folder in which a command of a story leaves what it printed as JSON.
const heard = "UNIDESK_TEST_HEARD"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"unidesk-controller": func() { os.Exit(overheard()) },
	})
}

// overheard runs a command line, and keeps a copy of what it prints if that is JSON. The
// first line of the copy is the command.
func overheard() int {
	folder := os.Getenv(heard)
	if folder == "" || !slices.Contains(os.Args, "json") && os.Getenv("UNIDESK_OUTPUT") != "json" {
		return run()
	}
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	var printed bytes.Buffer
	var copying sync.WaitGroup
	copying.Go(func() { _, _ = io.Copy(io.MultiWriter(stdout, &printed), r) })
	code := run()
	_ = w.Close()
	copying.Wait()
	words := "unidesk-controller"
	if cmd, _, err := cli.Command().Find(os.Args[1:]); err == nil {
		words = cmd.CommandPath()
	}
	file, err := os.CreateTemp(folder, "")
	if err == nil {
		_, err = fmt.Fprintf(file, "%s\n%s", words, printed.Bytes())
	}
	if err != nil {
		panic(err)
	}
	return code
}

// Each story in testdata/script is a promise of the product, named after it. What a command
// prints in it as JSON fits the schema of the command.
func TestStories(t *testing.T) {
	folder := t.TempDir()
	stories, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var begun atomic.Int32
	t.Cleanup(func() { compare(t, folder, int(begun.Load()) == len(stories)) }) // the stories run beside each other, and end before this
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			begun.Add(1)
			e.Setenv("COMMIT", "0123456789abcdef0123456789abcdef01234567")
			e.Setenv(heard, folder)
			return nil
		},
	})
}

// compare holds the copies in a folder against the schemas. If all stories ran, each command
// must be among them.
func compare(t *testing.T, folder string, all bool) {
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	answered := map[string]bool{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		first, printed, _ := bytes.Cut(content, []byte("\n"))
		command := strings.TrimPrefix(strings.TrimPrefix(string(first), "unidesk-controller"), " ")
		if !bytes.HasPrefix(printed, []byte("{")) && !bytes.HasPrefix(printed, []byte("[")) {
			continue // another word of the command line is json
		}
		documents, err := schematest.Documents(printed)
		for _, one := range documents {
			if bytes.HasPrefix(one, []byte(`{"time":`)) { // a line of the journal, as its file has it
				continue
			}
			if !slices.Contains(schema.Commands(), command) {
				command = "version" // what is no command is refused, as any command may be
			}
			err = errors.Join(err, schematest.Check(command, one))
			answered[command] = answered[command] || !bytes.Contains(one, []byte(`"decision": "refused"`))
		}
		if err != nil {
			t.Errorf("%s: %v", first, err)
		}
	}
	for _, command := range schema.Commands() {
		if all && !answered[command] {
			t.Errorf("no story has an answer of %s as JSON", command)
		}
	}
}
