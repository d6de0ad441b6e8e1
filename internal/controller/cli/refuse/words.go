// Package refuse makes a command line refuse what it does not take in this program's
// words, with the line that it does take. It knows no command.
package refuse

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Words lets a command and those below it refuse what it does not take in this
// program's words, with the line that it does take.
func Words(cmd *cobra.Command) {
	if takes := cmd.Args; takes != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if takes(cmd, args) == nil {
				return nil
			}
			if len(args) > 0 && cmd.HasSubCommands() {
				return noCommand(cmd, args[0])
			}
			if len(args) == 0 {
				return usage(cmd, fault.New(fault.Usage, "%s needs %s", cmd.CommandPath(), needed(cmd)))
			}
			return usage(cmd, fault.New(fault.Usage, "%s does not take %q", cmd.CommandPath(), strings.Join(args, " ")))
		}
	}
	for _, one := range cmd.Commands() {
		Words(one)
	}
}

// needed are the words that a command takes and that have no brackets in its use.
func needed(cmd *cobra.Command) string {
	words := strings.Fields(cmd.Use)[1:]
	if i := slices.IndexFunc(words, func(w string) bool { return w[0] == '[' || w[0] == '-' }); i >= 0 {
		words = words[:i]
	}
	return strings.Join(words, " ")
}

// useLine is what a command takes.
func useLine(cmd *cobra.Command) string { return strings.TrimSuffix(cmd.UseLine(), " [flags]") }

// usage adds the line that the command takes to what is wrong with the request.
func usage(cmd *cobra.Command, err *fault.Error) error {
	line := useLine(cmd)
	return contract.Next(err.WithHint("%s", line), contract.Form(line))
}

// Flag explains what is wrong with a flag, or with the word before it that made
// no command to take it.
func Flag(cmd *cobra.Command, err error) error {
	unknown, invalid, bare := (*pflag.NotExistError)(nil), (*pflag.InvalidValueError)(nil), (*pflag.ValueRequiredError)(nil)
	switch {
	case errors.As(err, &unknown) && cmd.HasSubCommands() && cmd.Flags().NArg() > 0:
		return noCommand(cmd, cmd.Flags().Arg(0))
	case errors.As(err, &unknown) && strings.ReplaceAll(unknown.GetSpecifiedName(), "-", "") == "runnow" && cmd.Flags().Lookup("dry-run") != nil && cmd.Flags().Lookup("run-now") == nil:
		err = fault.New(fault.Usage, "%s needs no --run-now: it acts unless it is given --dry-run", cmd.CommandPath())
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		err = fault.New(fault.Usage, "unknown flag --%s%s", unknown.GetSpecifiedName(), meant(cmd, unknown.GetSpecifiedName()))
	case errors.As(err, &unknown):
		err = fault.New(fault.Usage, "unknown flag -%s", unknown.GetSpecifiedName())
	case errors.As(err, &bare):
		err = fault.New(fault.Usage, "--%s needs a value", bare.GetFlag().Name)
	case errors.As(err, &invalid) && errors.Is(err, strconv.ErrRange):
		err = fault.New(fault.Usage, "--%s %s: the number is out of range", invalid.GetFlag().Name, invalid.GetValue())
	case errors.As(err, &invalid) && fault.ReasonOf(err) == fault.Usage: // its text is complete
		err = invalid.Unwrap()
	case errors.As(err, &invalid):
		is := map[string]string{"int": "a whole number", "bool": "true or false"}[invalid.GetFlag().Value.Type()]
		err = fault.New(fault.Usage, "--%s %s: it is %s", invalid.GetFlag().Name, invalid.GetValue(), is)
	}
	return usage(cmd, fault.New(fault.Usage, "%w", err))
}

// meant names the command's flags that are like a word, "" without any.
func meant(cmd *cobra.Command, word string) string {
	var flags []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { flags = append(flags, f.Name) })
	near := plain.Near(word, flags)
	if len(near) == 0 {
		return ""
	}
	return "; did you mean --" + strings.Join(near, " or --") + "?"
}

// either is the annotation of a flag that a command needs, or the flag that it names.
const either = "refuse_either"

// NeedEither makes a command need either of two flags, and not both.
func NeedEither(cmd *cobra.Command, one, other string) {
	if err := cmd.Flags().SetAnnotation(one, either, []string{other}); err != nil {
		panic(err) // the command has the flag
	}
}

// MissingFlags refuses a command without a flag that it needs, or with two that exclude
// each other.
func MissingFlags(cmd *cobra.Command) error {
	var missing, excluded []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if needed := f.Annotations[cobra.BashCompOneRequiredFlag]; len(needed) > 0 && needed[0] == "true" && !f.Changed {
			missing = append(missing, "--"+f.Name)
		}
		for _, other := range f.Annotations[either] {
			if two := cmd.Flags().Changed(other); f.Changed && two {
				excluded = append(excluded, "--"+f.Name+" and --"+other)
			} else if !f.Changed && !two {
				missing = append(missing, "--"+f.Name+" or --"+other)
			}
		}
	})
	switch {
	case len(missing) > 0:
		return usage(cmd, fault.New(fault.Usage, "%s needs %s", cmd.CommandPath(), strings.Join(missing, " and ")))
	case len(excluded) > 0:
		return usage(cmd, fault.New(fault.Usage, "%s exclude each other", excluded[0]))
	}
	return nil
}
