package present

import "io"

// Printed is a file that a command prints. docs/output.md describes its JSON.
type Printed struct {
	OK      bool   `json:"ok"`
	File    string `json:"file"`
	Content string `json:"content"`
}

// File answers with the content of a file.
func File(name, content string) Answer {
	return Foreign(NewAnswer(ExitOK, Printed{true, name, content}, func(out io.Writer, p Printed) error {
		_, err := io.WriteString(out, p.Content)
		return err
	}))
}

// Nothing is the answer of a command that has printed what there was to print.
func Nothing() Answer { return Answer{text: func(view) error { return nil }} }
