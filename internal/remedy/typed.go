package remedy

import (
	"regexp"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// lines are the lines of this program that name no folder.
var lines = regexp.MustCompile(`\bunidesk-controller (--help|artifact-registry|catalog|completion|config|deploy|doctor|explain|help|history|host|logs|metrics|notify|page|recover|rollback|schema|services|status|verify|version|watch)\b`)

// Typed returns the text with the folder of the configuration in each line of this program.
// Without it such a line would be about the folder of no --config. folder is "" for that
// folder. form writes a word in the way of the text; nil leaves it as a shell takes it.
func Typed(text, folder string, form func(string) string) string {
	if folder == "" {
		return text
	}
	word := plain.Quote(folder)
	if form != nil {
		word = form(word)
	}
	return lines.ReplaceAllString(text, "unidesk-controller --config "+strings.ReplaceAll(word, "$", "$$")+" $1")
}

// InJSON is the form of a word within a string of JSON that has no control characters.
func InJSON(word string) string { return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) }
