package envfile

import (
	"bytes"
	"regexp"

	"github.com/compose-spec/compose-go/v2/dotenv"
)

// evaluate returns what Compose makes of the statements, in their order: the library
// parses and interpolates each by itself. The whole file at once is out of the question
// for two reasons: its errors quote the file, and it logs a warning that names each
// unset variable, which in PASSWORD=ab$cdef is a piece of the secret.
func evaluate(b []byte, statements []statement) (map[string]string, *flaw) {
	values := make(map[string]string)
	for _, s := range statements {
		if s.bare {
			continue
		}
		text := string(b[s.start:s.end])
		one, err := dotenv.UnmarshalWithLookup(text, func(name string) (string, bool) {
			if v, ok := values[name]; ok {
				return v, true
			}
			if isGiven(name) {
				return "/", true
			}
			// Being called unset is what makes the library log; only a form with a
			// default or a condition needs to know. In a value with both forms of an
			// unset name the log is the greater evil.
			return "", isPlain(text, name)
		})
		if err != nil {
			return nil, flawAt(b, s.start, "a value refers to a variable in a way that cannot be followed")
		}
		if s.key == "" {
			continue // Compose reads it, and then has no use for it
		}
		v, ok := one[s.key]
		if !ok {
			return nil, flawAt(b, s.start, "a value cannot be told apart from what surrounds it")
		}
		values[s.key] = v
	}
	if !agrees(b, statements) {
		return nil, &flaw{what: "it can be read in more than one way"}
	}
	return values, nil
}

// agrees has the library read the whole file, every reference resolved (so that
// it neither fails nor logs), and compares the names that it finds.
func agrees(b []byte, statements []statement) bool {
	whole, err := dotenv.ParseWithLookup(bytes.NewReader(b), func(string) (string, bool) { return "x", true })
	if err != nil {
		return false
	}
	found := map[string]bool{"": true}
	for _, s := range statements {
		if _, ok := whole[s.key]; !ok && s.key != "" {
			return false
		}
		found[s.key] = true
	}
	for k := range whole {
		if !found[k] {
			return false
		}
	}
	return true
}

// isGiven are the variables that Compose is always started with: they are set,
// and no deploy depends on what they are.
func isGiven(name string) bool { return name == "HOME" || name == "PATH" || name == "PWD" }

func isPlain(text, name string) bool {
	quoted := regexp.QuoteMeta(name)
	return regexp.MustCompile(`\$(` + quoted + `\b|\{` + quoted + `\})`).MatchString(text)
}
