package present

import (
	"io"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
)

// Sent answers with the deliveries of a notice.
func Sent(all []notify.Delivery) Answer {
	failed := slices.ContainsFunc(all, func(d notify.Delivery) bool { return d.Error != "" })
	return NewList(all, failed, func(out io.Writer, all []notify.Delivery) error {
		p := newPrinter(out)
		p.deliveries(all)
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
