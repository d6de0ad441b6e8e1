package schema

import (
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/document"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
)

// Described is a command that prints JSON. docs/output.md describes its JSON.
type Described struct {
	Command string `json:"command"`
}

// All answers with the commands that have a schema.
func All() present.Answer {
	list := document.List[Described]{OK: true}
	for _, f := range forms() {
		list.Items = append(list.Items, Described{f.command})
	}
	return present.NewAnswer(present.ExitOK, list, func(out io.Writer, l document.List[Described]) error {
		p := terminal.NewPrinter(out)
		for _, one := range l.Items {
			p.Line("%s", one.Command)
		}
		return p.Err
	})
}

// Answer answers with the schema of a command, which is JSON in either form.
func Answer(command string) (present.Answer, error) {
	text, err := Of(command)
	return present.NewAnswer[any](present.ExitOK, nil, func(out io.Writer, _ any) error {
		_, err := out.Write(text)
		return err
	}), err
}
