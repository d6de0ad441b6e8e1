package present

import "io"

// Printed is a file that a command prints. docs/output.md describes its JSON.
type Printed struct {
	File    string `json:"file"`
	Content string `json:"content"`
}

// File answers with a file's content.
func File(p Printed) Answer {
	return Foreign(NewAnswer(ExitOK, p, func(out io.Writer, p Printed) error {
		_, err := io.WriteString(out, p.Content)
		return err
	}))
}

// Nothing is the answer of a command that has printed what there was to print.
func Nothing() Answer { return Answer{text: func(io.Writer) error { return nil }} }
