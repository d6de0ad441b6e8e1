package declared

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// putInForm matches each variable in a label's text that Compose replaces, and $$.
var putInForm = regexp.MustCompile(`\$(?:\$|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?:[^{}]|\{[^{}]*\})*\})`)

// Keys returns the deploy keys in a container's labels, without prefix: of each
// declared label it reads the value back by the declaration's text.
func Keys(labels, declared map[string]string, prefix string) map[string]string {
	found := make(map[string]string)
	for name, text := range declared {
		value, there := labels[name]
		if !there {
			continue
		}
		form, keys := valueForm(text)
		m := form.FindStringSubmatch(value)
		for i, key := range keys {
			if key, ours := strings.CutPrefix(key, prefix); ours && m != nil && isKey(key) {
				found[key] = m[i+1]
			}
		}
	}
	return found
}

func isKey(name string) bool { return slices.Contains(workload.Keys(), name) }

// valueForm is the form of a label's value, with a group for each variable.
func valueForm(text string) (form *regexp.Regexp, variables []string) {
	var b strings.Builder
	last := 0
	for _, at := range putInForm.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(regexp.QuoteMeta(text[last:at[0]]))
		last = at[1]
		name := ""
		for _, group := range [][2]int{{at[2], at[3]}, {at[4], at[5]}} {
			if group[0] >= 0 {
				name = text[group[0]:group[1]]
			}
		}
		if name == "" {
			b.WriteString(`\$`)
			continue
		}
		b.WriteString(`(.*?)`)
		variables = append(variables, name)
	}
	b.WriteString(regexp.QuoteMeta(text[last:]))
	return regexp.MustCompile(`(?s)\A` + b.String() + `\z`), variables
}
