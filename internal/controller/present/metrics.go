package present

import (
	"io"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/metrics"
)

// Measured is what metrics answers. docs/output.md describes its JSON.
type Measured struct {
	// OK means that all sources could be read.
	OK      bool                `json:"ok"`
	At      time.Time           `json:"at"`
	Unread  []inventory.Unasked `json:"unread"`
	Metrics []metrics.Family    `json:"metrics"`
}

// Metrics answers with facts: as text in the format of Prometheus. INTERNAL if a fact has no
// form there.
func Metrics(f metrics.Facts) (Answer, error) {
	text, err := f.Text()
	if err != nil {
		return Answer{}, err
	}
	m := Measured{At: f.At.UTC(), Unread: []inventory.Unasked{}}
	if m.Metrics, err = f.Families(); err != nil {
		return Answer{}, err
	}
	for _, source := range metrics.Sources() {
		if err := f.Unread[source]; err != nil {
			m.Unread = append(m.Unread, *inventory.NotAsked(string(source), err))
		}
	}
	m.OK = len(m.Unread) == 0
	return NewAnswer(Incomplete(!m.OK), m, func(out io.Writer, _ Measured) error {
		_, err := out.Write(text)
		return err
	}), nil
}
