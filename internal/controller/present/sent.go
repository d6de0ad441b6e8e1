package present

import (
	"io"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
)

// SentNotice is what notify test answers. docs/output.md describes its JSON.
type SentNotice struct {
	OK         bool              `json:"ok"`
	Deliveries []notify.Delivery `json:"deliveries"`
}

// Sent answers with the deliveries of a notice.
func Sent(all []notify.Delivery) Answer {
	failed := slices.ContainsFunc(all, func(d notify.Delivery) bool { return d.Error != "" })
	exit := ExitOK
	if failed {
		exit = ExitFailed
	}
	return NewAnswer(exit, SentNotice{OK: !failed, Deliveries: all}, func(out io.Writer, s SentNotice) error {
		p := newPrinter(out)
		p.deliveries(s.Deliveries)
		return p.Err
	})
}

// deliveries writes how each delivery of a notice went.
func (p *printer) deliveries(all []notify.Delivery) {
	for _, d := range all {
		if d.Error == "" {
			p.Field(d.To, "sent")
			continue
		}
		p.Field(d.To, "%s %s", terminal.Bad().Render("not sent:"), d.Error)
	}
}
