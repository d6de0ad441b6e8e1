package scrub

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

const (
	// shortest is the length from which on a value is looked for.
	shortest = 4
	// long is the length from which on a value is looked for whatever its case, blanks and
	// quotes are. A shorter value differs from other text by these.
	long = 8
	// halved is the length from which on half a value counts, at least long characters.
	halved = 12
)

// secret is a value to look for: as it stands, or folded if it is long.
type secret struct {
	text string
	long bool
}

var (
	// credentialForm are the user and password of a URL.
	credentialForm = regexp.MustCompile(`//([^/@\s]*@)`)
	// assignedForm is what a connection string, a query or JSON gives a name that is a
	// secret's.
	assignedForm = regexp.MustCompile(`(?i)(?:pass|pwd|secret|token|key|sig|credential|auth)[a-z0-9_-]*["']?\s*[=:]\s*(?:"([^"]+)"|'([^']+)'|([^"'&;,\s]+))`)
	// schemeForm is the value of a header.
	schemeForm = regexp.MustCompile(`(?i)^(?:basic|bearer|token)\s+(\S+)$`)
)

func secretsOf(values []string) (secrets []secret) {
	for _, value := range values {
		for _, part := range slices.Concat([]string{value}, strings.Split(value, "\n"), within(value)) {
			if part = strings.TrimSpace(part); len(part) < shortest || harmless(part) {
				continue
			}
			// What looks like an escape in a value is undone with those that a program puts in.
			unescaped(of(part), func(v view) {
				s := secret{text: string(v.text)}
				if folded := fold(v).text; len(folded) >= long {
					s = secret{text: string(folded), long: true}
				}
				if len(s.text) >= shortest && !slices.Contains(secrets, s) {
					secrets = append(secrets, s)
				}
			})
		}
	}
	return secrets
}

// within returns the secrets that are parts of a value.
func within(v string) (parts []string) {
	for _, m := range credentialForm.FindAllStringSubmatch(v, -1) {
		user, password, _ := strings.Cut(strings.TrimSuffix(m[1], "@"), ":")
		parts = append(parts, user+":"+password, password)
	}
	for _, m := range slices.Concat(assignedForm.FindAllStringSubmatch(v, -1), schemeForm.FindAllStringSubmatch(v, -1)) {
		parts = append(parts, m[1:]...)
	}
	for _, p := range parts {
		if plain, err := url.PathUnescape(p); err == nil && plain != p {
			parts = append(parts, plain)
		}
	}
	return parts
}

// harmless are words that settings are full of and that are no secret.
func harmless(v string) bool {
	switch strings.ToLower(v) {
	case "true", "false", "null", "none":
		return true
	}
	return false
}
