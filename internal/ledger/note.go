package ledger

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Note is a person's note about a deploy.
type Note struct {
	// Message is why it is made, in a line.
	Message string `json:"message,omitempty"`
	// Link leads to more about it, such as the job of a CI that runs it.
	Link string `json:"link,omitempty"`
}

const (
	// mostMessage bounds a message, in characters.
	mostMessage = 256
	// mostLink bounds a link, in bytes.
	mostLink = 2000
)

// ParseMessage accepts a line of at most 256 characters that a terminal only shows. It
// returns USAGE for any other text.
func ParseMessage(s string) (string, error) {
	if s = strings.TrimSpace(s); utf8.RuneCountInString(s) > mostMessage {
		return "", fault.New(fault.Usage, "the message has %d characters, want at most %d", utf8.RuneCountInString(s), mostMessage).
			WithHint("say the rest behind --link")
	}
	if plain.Line(s) != s {
		return "", fault.New(fault.Usage, "the message %q is not one line of text", s).
			WithHint("leave out line breaks, tabs and control characters")
	}
	return s, nil
}

// ParseLink accepts an absolute http or https URL without credentials. USAGE for another;
// the error does not repeat it.
func ParseLink(s string) (string, error) {
	refused := fault.New(fault.Usage, "the link is not a http or https URL of at most %d characters with a host and without credentials", mostLink).
		WithHint("give the page's address as a browser shows it")
	if len(s) > mostLink || plain.Line(s) != s || strings.ContainsAny(s, " \"<>\\^`{|}") {
		return "", refused
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
		return "", refused
	}
	return s, nil
}

// JobLink returns the address of the CI job that this process runs in, by the variables of
// GitHub, GitLab or Jenkins; "" if none is set, or if it is no link.
func JobLink(variable func(name string) string) string {
	github := ""
	if server, repository, run := variable("GITHUB_SERVER_URL"), variable("GITHUB_REPOSITORY"), variable("GITHUB_RUN_ID"); server != "" && repository != "" && run != "" {
		github = strings.TrimSuffix(server, "/") + "/" + repository + "/actions/runs/" + run
	}
	for _, link := range []string{github, variable("CI_JOB_URL"), variable("BUILD_URL")} {
		if link, err := ParseLink(link); err == nil {
			return link
		}
	}
	return ""
}
