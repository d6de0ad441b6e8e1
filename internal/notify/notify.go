// Package notify sends a notice of how a run ended to a program or a webhook of the person.
// What it cannot send changes nothing about the run.
package notify

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// Event is what a notice is about.
type Event string

// The events.
const (
	// Succeeded: the version is proven, and kept.
	Succeeded Event = "succeeded"
	// Degraded: the version is kept, with faults that it had before.
	Degraded Event = "degraded"
	// Reverted: the version was not proven; what ran before runs again.
	Reverted Event = "reverted"
	// RevertFailed: what ran before could not be brought back.
	RevertFailed Event = "revert-failed"
	// Unsettled: a host gives no answer about what became of the change.
	Unsettled Event = "unsettled"
	// Recovered: what an interrupted run had left was ended.
	Recovered Event = "recovered"
	// Failed: a run or a recovery ended with a failure and without a receipt.
	Failed Event = "failed"
	// Drifted: a service that the watch looks at is down, or is not what was proven.
	Drifted Event = "drifted"
	// Test: a person tries the notices.
	Test Event = "test"
)

// Events returns the events that a configuration may name.
func Events() []Event {
	return []Event{Succeeded, Degraded, Reverted, RevertFailed, Unsettled, Recovered, Failed, Drifted}
}

// Config is the section notify of controller.yaml. The zero value sends nothing.
type Config struct {
	// Command is a program with its arguments. It reads the notice as JSON on stdin.
	Command []string `yaml:"command"`
	// Webhook is an address that takes the notice as the body of a POST; nil for none.
	Webhook *Webhook `yaml:"webhook"`
	// On are the events that are sent; none stands for all.
	On []Event `yaml:"on"`
}

// Webhook is where a notice is posted. Its URL may hold a secret, so no message has it.
type Webhook struct {
	URL string `yaml:"url"`
	// HeadersFile has a header on each line, such as `Authorization: Bearer ...`; "" for none.
	HeadersFile string `yaml:"headersFile"`
}

// Set reports whether notices go anywhere.
func (c Config) Set() bool { return len(c.Command) > 0 || c.Webhook != nil }

// Masked returns the section with no more of the webhook's URL than its host, and without the
// arguments of the program: a person may have put a secret into each.
func (c Config) Masked() Config {
	if c.Command = slices.Clone(c.Command); len(c.Command) > 1 {
		c.Command = append(c.Command[:1], "[masked]")
	}
	if c.Webhook == nil {
		return c
	}
	masked := *c.Webhook
	if u, err := url.Parse(masked.URL); err == nil {
		masked.URL = u.Scheme + "://" + u.Host + "/[masked]"
	}
	c.Webhook = &masked
	return c
}

// Validate checks the section.
func (c Config) Validate() error {
	var faults []error
	if len(c.Command) > 0 && !filepath.IsAbs(c.Command[0]) {
		faults = append(faults, fmt.Errorf("notify.command %q does not begin with an absolute path", c.Command[0]))
	}
	if c.Webhook != nil {
		u, err := url.Parse(c.Webhook.URL)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			faults = append(faults, errors.New("notify.webhook.url is no http or https address"))
		}
		if c.Webhook.HeadersFile != "" && !filepath.IsAbs(c.Webhook.HeadersFile) {
			faults = append(faults, fmt.Errorf("notify.webhook.headersFile %q is not an absolute path", c.Webhook.HeadersFile))
		}
	}
	for _, e := range c.On {
		if !slices.Contains(Events(), e) {
			faults = append(faults, fmt.Errorf("notify.on has %q, want one of %s", e, join(Events())))
		}
	}
	return errors.Join(faults...)
}

func join(events []Event) string {
	var words []string
	for _, e := range events {
		words = append(words, string(e))
	}
	return strings.Join(words, ", ")
}

// Wants returns the event of a run's end, false if the configuration sends none of it.
func (c Config) Wants(end journal.End) (Event, bool) {
	e, is := eventOf(end)
	return e, is && c.Sends(e)
}

// Sends reports whether an event is sent.
func (c Config) Sends(e Event) bool {
	return c.Set() && (len(c.On) == 0 || slices.Contains(c.On, e))
}

// eventOf returns the event of an end. A run that changed nothing, and failed at nothing, is
// no event.
func eventOf(end journal.End) (Event, bool) {
	switch end.Outcome {
	case string(contract.TookBack), string(contract.Recorded):
		return Recovered, true
	case string(contract.DecidedInterrupted):
		return Reverted, end.Receipt != ""
	case string(contract.Unreached):
		return Failed, true
	}
	e := Event(end.Outcome)
	return e, slices.Contains(Events(), e)
}

// Schema is the version of a notice's form.
const Schema = 1

// Notice is what a program or a webhook receives. docs/output.md describes its JSON.
type Notice struct {
	Schema int   `json:"schemaVersion"`
	Event  Event `json:"event"`
	// Text is a sentence for people.
	Text    string             `json:"text"`
	Time    time.Time          `json:"time"`
	Run     string             `json:"run,omitempty"`
	Service artifact.ServiceID `json:"service,omitzero"`
	Env     artifact.Env       `json:"env,omitzero"`
	Commit  artifact.Commit    `json:"commit,omitzero"`
	// Who is the person, Command the words of the command.
	Who     string       `json:"who,omitempty"`
	Command string       `json:"command,omitempty"`
	Reason  fault.Reason `json:"reason,omitempty"`
	Failure string       `json:"failure,omitempty"`
	// Receipt is the id of the run's receipt, "" if there is none; the rest is the receipt's.
	Receipt string `json:"receipt,omitempty"`
	ledger.Note
	DownSeconds float64 `json:"downSeconds,omitempty"`
	// Rollback is the command that goes back to what was proven before.
	Rollback string `json:"rollback,omitempty"`
}

// About returns the notice of an event in a run's last line. The receipt is the run's, nil if
// it has none.
func About(e Event, l journal.Line, receipt *ledger.Receipt) Notice {
	n := Notice{
		Schema: Schema, Event: e, Time: l.Time, Run: l.Run, Service: l.Service, Env: l.Env, Commit: l.Commit, Who: l.Who, Command: l.Command,
		Reason: l.End.Reason, Failure: l.End.Failure, Receipt: l.End.Receipt,
	}
	if receipt != nil {
		n.Note, n.DownSeconds, n.Rollback = receipt.Note, receipt.DownSeconds, receipt.Rollback
		if n.Commit.IsZero() {
			n.Commit = receipt.Commit
		}
	}
	n.Text = n.sentence()
	return n
}

// Drift returns the notice of a service that is not as it was proven: proven is the commit, runs
// describes what is there.
func Drift(service artifact.ServiceID, env artifact.Env, proven artifact.Commit, runs string, now time.Time) Notice {
	n := Notice{Schema: Schema, Event: Drifted, Time: now.UTC(), Service: service, Env: env, Commit: proven}
	n.Text = n.sentence()
	if runs != "" {
		n.Text += ": " + runs
	}
	return n
}

// Try returns the notice of a test.
func Try(who string, now time.Time) Notice {
	return Notice{Schema: Schema, Event: Test, Text: "UniDesk sends its notices here.", Time: now.UTC(), Who: who}
}

// sentence returns the notice in words.
func (n Notice) sentence() string {
	version := "the change"
	if !n.Commit.IsZero() {
		version = n.Commit.Short()
	}
	text := map[Event]string{
		Succeeded:    "runs " + version + ", proven",
		Degraded:     "runs " + version + ", degraded",
		Reverted:     version + " was reverted",
		RevertFailed: version + " failed, and what ran before could not be brought back",
		Unsettled:    version + " is not confirmed",
		Recovered:    "an interrupted deploy was ended",
		Failed:       version + " failed",
		Drifted:      version + " was proven, and is down or replaced",
	}[n.Event]
	text = n.Service.String() + " in " + n.Env.String() + ": " + text
	if n.Failure != "" {
		text += ": " + n.Failure
	}
	return text
}
