package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

const (
	// mostLine is the length of the longest line that is read, in bytes.
	mostLine = 64 << 10
	// mostText is the length of the longest text of a line, in bytes. The texts of a line
	// together, each of their characters escaped, are less than mostLine.
	mostText = 4 << 10
	// mostName is the same for who, command, point, outcome, reason and receipt.
	mostName = 256
)

// Line is an event of a run. docs/output.md describes its JSON.
type Line struct {
	Time time.Time `json:"time"`
	// Run is the id of the run, and of the change and the receipt that it makes; "" for what
	// only looks, which no journal keeps.
	Run string `json:"run,omitempty"`
	// Service and Env are the zero value in the progress of a command that deploys nothing,
	// which no journal keeps.
	Service artifact.ServiceID `json:"service,omitzero"`
	Env     artifact.Env       `json:"env,omitzero"`
	// Commit is the zero value for a run that only recovers.
	Commit artifact.Commit `json:"commit,omitzero"`
	// Who is the person, Command the words of the command.
	Who     string         `json:"who,omitempty"`
	Command string         `json:"command,omitempty"`
	Point   workload.Point `json:"point,omitempty"`
	Text    string         `json:"text,omitempty"`
	// Warning means that something did not go as it should and stops nothing.
	Warning bool `json:"warning,omitempty"`
	// Done and Total are bytes of a transfer or of a load; Total is 0 for a line without.
	Done  int64 `json:"done,omitempty"`
	Total int64 `json:"total,omitempty"`
	// End is set in the last line of a run, and in no other.
	End *End `json:"end,omitempty"`
}

// End is how a run ended.
type End struct {
	// Outcome is the decision of the command, the action of a recovery, or the outcome of the
	// reconciler for a service that it did not reach.
	Outcome string       `json:"outcome"`
	Reason  fault.Reason `json:"reason,omitempty"`
	// Failure is the error's words.
	Failure string `json:"failure,omitempty"`
	// Receipt is the id of the receipt that the run wrote.
	Receipt string `json:"receipt,omitempty"`
}

// Encode returns the line as its file and a program have it, with a line break: its texts are
// cut to what a reader takes, and nothing in it acts on a terminal.
func (l Line) Encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(l.bounded()); err != nil {
		return nil, err
	}
	return []byte(plain.Escaped(b.String())), nil
}

// bounded returns the line with each text cut.
func (l Line) bounded() Line {
	l.Who, l.Command, l.Point = cut(l.Who, mostName), cut(l.Command, mostName), cut(l.Point, mostName)
	l.Text = cut(l.Text, mostText)
	if l.End != nil {
		l.End = &End{
			Outcome: cut(l.End.Outcome, mostName), Reason: cut(l.End.Reason, mostName),
			Failure: cut(l.End.Failure, mostText), Receipt: cut(l.End.Receipt, mostName),
		}
	}
	return l
}

// cut returns the first bytes of a text, at most so many, and a mark if some are missing.
func cut[T ~string](text T, most int) T {
	const more = " ..."
	s := strings.ToValidUTF8(string(text), string(utf8.RuneError))
	if len(s) <= most {
		return T(s)
	}
	at := most - len(more)
	for !utf8.RuneStart(s[at]) {
		at--
	}
	return T(s[:at] + more)
}

// Decode reads a line. It refuses what no run writes: another form, a line that is too long,
// and a line of no run, service or environment.
func Decode(text []byte) (l Line, err error) {
	if len(text) > mostLine {
		return Line{}, errors.New("the line is too long")
	}
	if err := json.Unmarshal(text, &l); err != nil {
		return Line{}, err
	}
	if _, made := ledger.Made(l.Run); !made || l.Env == 0 || l.Service.String() == "" {
		return Line{}, errors.New("the line is of no run")
	}
	l.Time = l.Time.UTC()
	if year := l.Time.Year(); year < 1970 || year > 9999 { // the last has no form in JSON
		return Line{}, errors.New("the line has no time")
	}
	return l.bounded(), nil
}

// Key names what the line is about, for who keeps lines apart: the run, or else the service in
// its environment.
func (l Line) Key() string {
	if l.Run != "" {
		return l.Run
	}
	return l.Env.String() + " " + l.Service.String()
}
