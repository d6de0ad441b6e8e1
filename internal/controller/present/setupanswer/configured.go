package setupanswer

import (
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Configuration is what config view answers. docs/output.md describes its JSON.
type Configuration struct {
	OK bool `json:"ok"`
	// From is the file, or what took its place.
	From string `json:"from"`
	// Config has the keys of controller.yaml.
	Config map[string]any `json:"config"`
	text   []byte
}

// Configured answers with a configuration that was read from a file.
func Configured(c site.Config, from string) (present.Answer, error) {
	text, err := yaml.Marshal(c.Masked())
	view := Configuration{OK: true, From: from, text: text}
	if err == nil {
		err = yaml.Unmarshal(text, &view.Config)
	}
	if err != nil {
		return present.Answer{}, fault.New(fault.Internal, "print the configuration: %w", err)
	}
	return present.Foreign(present.NewAnswer(present.ExitOK, view, func(out io.Writer, v Configuration) error {
		_, err := fmt.Fprintf(out, "# from %s\n%s", v.From, v.text)
		return err
	})), nil
}
