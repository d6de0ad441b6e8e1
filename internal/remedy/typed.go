package remedy

import (
	"regexp"
	"strings"
)

// lines are the lines of this program that name no folder.
var lines = regexp.MustCompile(`\bunidesk-controller (--help|artifact-registry|catalog|completion|config|deploy|doctor|explain|help|history|host|logs|metrics|notify|page|recover|rollback|schema|services|status|verify|version|watch)\b`)

// Typed returns the text with the folder of the configuration, a word for a shell, in
// each line of this program. Without it such a line would be about the folder of no
// --config.
func Typed(text, folder string) string {
	return lines.ReplaceAllString(text, "unidesk-controller --config "+strings.ReplaceAll(folder, "$", "$$")+" $1")
}
