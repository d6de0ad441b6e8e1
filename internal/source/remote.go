package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Remote is what git fetches from. It has no text form: nothing may print it.
type Remote struct{ url string }

var (
	// hostPath is ssh's short form, as in git@example.org:team/project.git.
	hostPath = regexp.MustCompile(`^([A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*:[^:]`)
	// userinfo is what stands before a URL's host, up to the last @: a password that was
	// not escaped can have any character in it.
	userinfo = regexp.MustCompile(`//\S*@`)
	// query is what stands behind a URL's path, and may be a token.
	query = regexp.MustCompile(`[?#]\S*`)
)

// ParseRemote accepts what an operator would type after git clone: a https, ssh or
// file URL, a path, or ssh's user@host:path. Its errors do not repeat what was given.
func ParseRemote(s string) (Remote, error) {
	if s == "" || strings.HasPrefix(s, "-") || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return Remote{}, errors.New("it is not the URL of a Git remote: it is empty, begins with a dash or has spaces or odd characters in it")
	}
	if !strings.Contains(s, "://") {
		if filepath.IsAbs(s) || hostPath.MatchString(s) {
			return Remote{s}, nil
		}
		return Remote{}, errors.New("it is not the URL of a Git remote: want https://…, ssh://…, file:///…, user@host:path or an absolute path")
	}
	u, err := url.Parse(s)
	if err != nil {
		return Remote{}, errors.New("it is not a URL")
	}
	_, password := u.User.Password()
	switch {
	case password || u.Scheme == "https" && u.User != nil || strings.ContainsAny(s, "?#"):
		return Remote{}, errors.New("it has credentials in it, or a query or a fragment that may be some, which git shows to every process of the machine; put them into git's credential helper, or use ssh")
	case u.Scheme == "file" && u.Host == "" && filepath.IsAbs(u.Path):
	case (u.Scheme == "https" || u.Scheme == "ssh") && u.Hostname() != "" && !strings.HasPrefix(u.Host, "-"):
	default:
		return Remote{}, errors.New("it is not a https, ssh or file URL with a host or a path")
	}
	return Remote{s}, nil
}

// Shown is a source repository's URL as it may be printed, or words with URLs in them.
func Shown(url string) string {
	return query.ReplaceAllString(userinfo.ReplaceAllString(url, "//"), "")
}

// Answers asks the remote for its branches, as a fetch would begin, and returns how
// many there are. It changes nothing, and waits no longer than its patience.
func (r Remote) Answers(ctx context.Context, patience time.Duration) (branches int, err error) {
	ctx, cancel := within(ctx, patience)
	defer cancel()
	out, err := git(ctx, r.settings(), "ls-remote", "--quiet", "--heads", "--", name)
	return strings.Count(out, "\n"), err
}

// within bounds a question; if the bound ends it, the error names the bound.
func within(ctx context.Context, patience time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, patience, fmt.Errorf("no answer within %s", patience))
}

// name is what the remote is called in a copy.
const name = "origin"

// settings are the remote's, for git's environment: on a command line every account
// could read them.
func (r Remote) settings() settings {
	return settings{config: [][2]string{
		{"remote." + name + ".url", r.url},
		{"remote." + name + ".fetch", "+refs/heads/*:refs/heads/*"},
	}}
}

// copyIn is the copy of the remote's branches in a folder.
func (r Remote) copyIn(dir string) copied {
	hash := sha256.Sum256([]byte(r.url))
	return copied{remote: r, dir: filepath.Join(dir, hex.EncodeToString(hash[:8])+".git")}
}
