// Command rooms shows how the code is divided: the rooms (packages), their size, the
// arrows (imports) between them, and the arrows between the files of a room. It takes
// all of this from the type checker, so that it counts no comment and misses no
// alias. It compares the arrows with docs/layout.md, whose table declares which room
// may import which, and exits with 1 when a limit is broken.
//
// Tests and generated code are no part of a room. A package that only tests import
// is a room like any other.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "rooms:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("rooms", flag.ContinueOnError)
	root := flags.String("root", "..", "the folder of the module")
	tags := flags.String("tags", "integration,e2e", "the build tags")
	print := flags.Bool("print", false, "print, and exit with 0 when a limit is broken")
	write := flags.Bool("write", false, "put the imports that are true into the table of docs/layout.md")
	if err := flags.Parse(args); err != nil {
		return err
	}
	rooms, err := load(*root, *tags)
	if err != nil {
		return err
	}
	name := filepath.Join(*root, "docs", "layout.md")
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	table := parseLayout(string(text))
	if *write {
		return os.WriteFile(name, []byte(table.withImports(rooms)), 0o644)
	}
	show(out, rooms)
	broken := check(rooms, table, ours())
	for _, f := range broken {
		fmt.Fprintln(out, "broken:", f)
	}
	fmt.Fprintf(out, "%d rooms, %d limits broken\n", len(rooms), len(broken))
	if len(broken) > 0 && !*print {
		return errors.New("a limit is broken; `make rooms ARGS=-write` brings the imports column of docs/layout.md up to date")
	}
	return nil
}

// show prints a line for each room. Floors are how deep its files stand above each
// other; files in a circle stand on one floor.
func show(out io.Writer, rooms []room) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "room\tlines\tfiles\tarrows\tfloors\tin circles\timports")
	for _, r := range rooms {
		floors, circled := r.floors()
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%s\n", r.name, r.lines(), len(r.files), len(r.arrows), floors, circled, strings.Join(r.imports, " "))
	}
	_ = w.Flush()
}
