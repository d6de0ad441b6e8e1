package command

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
)

// Asks reports whether a person can be asked: at a terminal that no script reads.
func (a *App) Asks() bool {
	return a.In != nil && a.Terminal && a.Format != present.JSON && a.progress != terminal.JSON
}

// Agrees asks a question on stderr, and reports whether the person types yes. The end of the
// input is a no.
func (a *App) Agrees(ctx context.Context, question string) (bool, error) {
	fmt.Fprintf(a.Err, "%s [y/N] ", question)
	typed := make(chan string, 1)
	go func() { // no context ends a read of a terminal
		line, _ := bufio.NewReader(a.In).ReadString('\n')
		typed <- line
	}()
	select {
	case line := <-typed:
		if !strings.HasSuffix(line, "\n") {
			fmt.Fprintln(a.Err)
		}
		answer := strings.ToLower(strings.TrimSpace(line))
		return answer == "y" || answer == "yes", nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}
