// Command words counts words that make prose hard to read, in all comments and string
// literals of the repository's Go files. It prints how often each occurs in 1,000 words,
// and exits with 1 when a limit is broken. `-list` prints each place, too.
//
// Generated files do not count, nor does the code beside the comments.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "words:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("words", flag.ContinueOnError)
	root := flags.String("root", "..", "the folder to read")
	list := flags.Bool("list", false, "print each place of a counted word")
	if err := flags.Parse(args); err != nil {
		return err
	}
	found, err := read(*root)
	if err != nil {
		return err
	}
	limits := ours()
	if *list {
		for _, p := range found.places(limits) {
			fmt.Fprintf(out, "%s:%d: %s\n", p.file, p.line, p.text)
		}
	}
	broken := 0
	for _, l := range limits {
		rate, verdict := found.rate(l), ""
		if rate > l.perThousand {
			broken++
			verdict = "  broken"
		}
		fmt.Fprintf(out, "%-34s %.2f of 1,000 words, at most %.2f%s\n", l, rate, l.perThousand, verdict)
	}
	fmt.Fprintf(out, "%d files, %d words, %d limits broken\n", found.files, found.words, broken)
	if broken > 0 {
		return errors.New("a limit is broken; `make words ARGS=-list` prints the places")
	}
	return nil
}
