package cli

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

// What the catalog does not bring live is refused as a deploy of it is.
func TestAServiceThatCannotBeLookedAtIsRefusedAsItsDeployIs(t *testing.T) {
	t.Parallel()
	for _, words := range [][]string{
		{"logs", "--service", "k3sctl-adapter"}, {"logs", "--service", "code-queue"}, {"rollback", "--service", "code-queue"},
	} {
		var out, complaints strings.Builder
		code := Run(t.Context(), append(words, "--config", t.TempDir(), "-o", "json"), Streams{Out: &out, Err: &complaints}, "test", nil)
		if code != present.ExitBlocked || !strings.Contains(out.String(), `"decision": "unsupported"`) {
			t.Errorf("%s: exit %d, %s%s", words, code, out.String(), complaints.String())
		}
	}
}

func TestAWordThatIsNoCommandIsAnError(t *testing.T) {
	t.Parallel()
	for _, words := range [][]string{{"artifact-registry", "healt"}, {"host", "lst"}, {"deploy", "aply"}, {"catalog", "chek"}, {"help", "nosuch"}, {"help", "host", "nosuch"}, {"help", "version", "nosuch"}, {"completion", "tcsh"}, {"completion", "bash", "tcsh"}} {
		var out, complaints strings.Builder
		code := Run(t.Context(), words, Streams{Out: &out, Err: &complaints}, "test", nil)
		if code != present.ExitUsage || out.Len() > 0 || !strings.Contains(complaints.String(), words[len(words)-1]) {
			t.Errorf("%s: exit %d, %s%s", words, code, out.String(), complaints.String())
		}
	}
	for _, group := range []string{"artifact-registry", "host", "deploy", "catalog", "completion", "help"} {
		var out strings.Builder
		if code := Run(t.Context(), []string{group}, Streams{Out: &out, Err: &out}, "test", nil); code != present.ExitOK || !strings.Contains(out.String(), "Available Commands") && group != "help" {
			t.Errorf("%s: exit %d, %s", group, code, out.String())
		}
	}
}

// A word is looked for in all commands: first among those of its group.
func TestAWordIsLookedForInAllCommands(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"health":                      "did you mean artifact-registry health? (USAGE)\n  unidesk-controller artifact-registry health\n",
		"host status":                 "did you mean artifact-registry status or status? (USAGE)\n",
		"deploy-service":              "did you mean artifact-registry deploy-service? (USAGE)\n  unidesk-controller artifact-registry deploy-service --service NAME",
		"list":                        "did you mean artifact-registry list or host list? (USAGE)\n",
		"host lst":                    "did you mean host list? (USAGE)\n  unidesk-controller host list\n",
		"bootstrp":                    "did you mean host bootstrap? (USAGE)\n",
		"ls":                          "unknown command \"ls\" (USAGE)\n  it has: artifact-registry, ",
		"help verifi":                 "did you mean verify? (USAGE)\n",
		"verify --servoce frontend":   "unknown flag --servoce; did you mean --service? (USAGE)\n",
		"host placement d601 --bogus": "unknown flag --bogus (USAGE)\n",
	} {
		var out, complaints strings.Builder
		code := Run(t.Context(), strings.Fields(line), Streams{Out: &out, Err: &complaints}, "test", nil)
		if code != present.ExitUsage || out.Len() > 0 || !strings.Contains(complaints.String(), want) {
			t.Errorf("%s: exit %d, %q%q, want %q", line, code, out.String(), complaints.String(), want)
		}
	}
}

// Help fits a terminal of 80 columns, but for the lines to type and the texts of completion,
// which are cobra's.
func TestHelpFitsEightyColumns(t *testing.T) {
	t.Parallel()
	var all func(words []string, c *cobra.Command)
	all = func(words []string, c *cobra.Command) {
		var out strings.Builder
		if code := Run(t.Context(), append([]string{"help"}, words...), Streams{Out: &out, Err: &out}, "test", nil); code != present.ExitOK {
			t.Errorf("help %s: exit %d, %s", words, code, out.String())
		}
		for line := range strings.Lines(out.String()) {
			if line = strings.TrimRight(line, "\n"); utf8.RuneCountInString(line) > 80 && !strings.HasPrefix(line, "  unidesk-controller ") {
				t.Errorf("help %s: %d columns: %s", strings.Join(words, " "), utf8.RuneCountInString(line), line)
			}
		}
		for _, below := range c.Commands() {
			if below.Name() == "completion" {
				continue
			}
			all(append(slices.Clone(words), below.Name()), below)
		}
	}
	all(nil, Command())
}
