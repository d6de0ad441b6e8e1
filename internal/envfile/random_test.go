package envfile_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// world makes env files that are as odd as people's.
type world struct{ *rand.Rand }

const prefix = "UNIDESK_SAMPLE_DEPLOY_"

func (w world) pick(of ...string) string { return of[w.IntN(len(of))] }

func (w world) value() string {
	return w.pick("", "plain", "with space", `"double"`, `'single'`, `"esc\"aped"`, "\"two\nlines\"", "'two\nlines # no comment'",
		`$HOME/x`, `${A}`, `${A:-dflt}`, `${B-x}`, "a#b", "x=y", `"$A and $${B}"`, "sp # comment", `'it'`, "päss", `"# not a comment"`,
		`${`+prefix+`COMMIT}`, `"`+prefix+`COMMIT=inside"`, "'\n"+prefix+"COMMIT=inside\n'")
}

func (w world) line() string {
	indent := w.pick("", "", "", " ", "\t")
	switch w.IntN(9) {
	case 0:
		return indent + w.pick("# a comment", "#", "# "+prefix+"COMMIT=commented", "#é")
	case 1:
		return indent
	case 2:
		return indent + w.pick("A", "B", "SECRET", "BARE", prefix+"COMMIT")
	case 3, 4:
		return indent + w.pick("", "", "export ", "export\t") + prefix + w.pick("COMMIT", "DIGEST", "IMAGE") + w.pick("=", "=", " = ", ": ", "=\t") +
			w.pick("old", "", `"old"`, `'old'`, "old # why", `""`, "o:l/d@1.2-3", "\"multi\nline\"")
	default:
		return indent + w.pick("", "", "", "export ") + w.pick("A", "B", "C_1", "SECRET", "d.e", "f-g") + w.pick("=", "=", "=", " = ", ":") + w.value()
	}
}

func (w world) file() string {
	var b strings.Builder
	b.WriteString(w.pick("", "", "", "", "\uFEFF"))
	eol := w.pick("\n", "\n", "\n", "\r\n")
	lines := w.IntN(9)
	for i := range lines {
		b.WriteString(w.line())
		if i < lines-1 || w.IntN(3) > 0 {
			b.WriteString(w.pick(eol, eol, eol, eol, "\n"))
		}
	}
	return b.String()
}

func (w world) assignments() map[string]string {
	set := map[string]string{}
	for _, k := range []string{"COMMIT", "DIGEST", "IMAGE", "DEPLOYED_AT"} {
		if w.IntN(3) > 0 {
			set[prefix+k] = w.pick("", "0123abc", "sha256:00ff", "a/b:c@d", "2026-01-01T00:00:00+00:00", fmt.Sprint(w.IntN(1000)))
		}
	}
	return set
}
