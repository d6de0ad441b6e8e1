// Command vulns shows whether the product calls code with a known advisory. It runs
// govulncheck over the product with the copy of the Go vulnerability database in
// vulns/db, and holds the answer against vulns/exceptions.txt. It exits with 1 when an
// advisory is called and has no exception, and when an exception has no advisory. With
// -refresh it makes the copy anew.
//
// The danger is a check that looks at nothing: it fails, too, when the copy does not
// cover a module of go.sum, or when govulncheck did not look at both binaries.
// An old copy fails nothing: its age is printed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "vulns:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("vulns", flag.ContinueOnError)
	root := flags.String("root", "..", "the folder of the product's module")
	db := flags.String("db", "vulns/db", "the copy of the advisories")
	exceptions := flags.String("exceptions", "vulns/exceptions.txt", "the advisories that may be called, each with its reason")
	renew := flags.Bool("refresh", false, "make the copy anew, from the newest version of golang.org/x/vulndb")
	if err := flags.Parse(args); err != nil {
		return err
	}
	modules, err := modulesOf(filepath.Join(*root, "go.sum"))
	if err != nil {
		return err
	}
	if *renew {
		if err := refresh(ctx, *db, modules); err != nil {
			return err
		}
	}
	copied, err := readCopy(*db)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "advisories of %s (%d days old): %d of %d modules\n", copied.date.Format(time.DateOnly),
		int(time.Since(copied.date).Hours()/24), copied.advisories, len(copied.covers))
	if *renew {
		return nil
	}
	if missing := copied.lacks(modules); len(missing) > 0 {
		return fmt.Errorf("%s does not cover these modules of go.sum: %s; run `make vulns-refresh`", *db, strings.Join(missing, ", "))
	}
	allowed, err := readExceptions(*exceptions)
	if err != nil {
		return err
	}
	answer, err := govulncheck(ctx, *root, *db)
	if err != nil {
		return err
	}
	found, err := parse(answer)
	if err != nil {
		return err
	}
	oldest, err := oldestGo(filepath.Join(*root, "go.mod"))
	if err != nil {
		return err
	}
	bad := judge(found, allowed, oldest, copied.ofGo, out)
	for _, line := range bad {
		fmt.Fprintln(out, "broken:", line)
	}
	fmt.Fprintf(out, "%d advisories are called, %d have an exception, %d rules broken\n", len(found.called), len(allowed), len(bad))
	if len(bad) > 0 {
		return errors.New("the product calls code with a known advisory, or an exception is stale")
	}
	return nil
}

// oldestGo returns the version of Go that a go.mod asks for, such as go1.26.8.
func oldestGo(name string) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	line := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(text)
	if line == nil {
		return "", fmt.Errorf("%s has no go line", name)
	}
	return "go" + string(line[1]), nil
}

// govulncheck returns what govulncheck prints, as JSON, of both binaries.
func govulncheck(ctx context.Context, root, db string) ([]byte, error) {
	pinned, err := filepath.Abs("go.mod")
	if err != nil {
		return nil, err
	}
	db, err = filepath.Abs(db)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "tool", "-modfile="+pinned, "govulncheck", "-db", "file://"+db, "-format", "json", "./cmd/...")
	cmd.Dir = root
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // with the tool that it runs
	cmd.WaitDelay = 10 * time.Second
	var stderr strings.Builder
	cmd.Stderr = &stderr
	answer, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("govulncheck: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return answer, nil
}
