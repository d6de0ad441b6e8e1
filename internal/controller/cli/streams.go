package cli

import (
	"io"
	"os"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

// fit returns streams whose every text is fit for a terminal: words of a host, an
// image's label, a container's log or a command line show themselves and do
// nothing. It is the one place for it, whoever prints.
func (s Streams) fit() Streams {
	s.Out, s.Err = present.Fitted(s.Out), present.Fitted(s.Err)
	return s
}

// Streams are what a command writes to.
type Streams struct {
	Out, Err io.Writer
	// Terminal says that Err is a terminal.
	Terminal bool
	// Stop, if not nil, gives a value each time that the person says stop: at the
	// first the command ends as well as it can, at the second at once.
	Stop <-chan os.Signal
}
