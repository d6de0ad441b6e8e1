package controller

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// plainWords lets a command and those below it refuse what it does not take in this
// program's words, with the line that it does take.
func plainWords(cmd *cobra.Command) {
	if takes := cmd.Args; takes != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if takes(cmd, args) == nil {
				return nil
			}
			if len(args) == 0 {
				return fault.New(fault.Usage, "%s: a word is missing", cmd.CommandPath()).WithHint("%s", strings.TrimSuffix(cmd.UseLine(), " [flags]"))
			}
			return fault.New(fault.Usage, "%s does not take %q", cmd.CommandPath(), strings.Join(args, " ")).WithHint("%s", strings.TrimSuffix(cmd.UseLine(), " [flags]"))
		}
	}
	for _, one := range cmd.Commands() {
		plainWords(one)
	}
}

// flagsGiven refuses a command without a flag that it needs.
func flagsGiven(cmd *cobra.Command) error {
	var missing []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if needed := f.Annotations[cobra.BashCompOneRequiredFlag]; len(needed) > 0 && needed[0] == "true" && !f.Changed {
			missing = append(missing, "--"+f.Name)
		}
	})
	if len(missing) == 0 {
		return nil
	}
	return fault.New(fault.Usage, "%s needs %s", cmd.CommandPath(), strings.Join(missing, " and ")).WithHint("%s", strings.TrimSuffix(cmd.UseLine(), " [flags]"))
}
