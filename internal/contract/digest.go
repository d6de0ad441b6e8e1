package contract

import (
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// parseDigest parses the digest that a person named, if any.
func parseDigest(s string) (digest artifact.Digest, err error) {
	if digest.UnmarshalText([]byte(s)) != nil {
		err = fault.New(fault.Usage, "--digest %s: it is sha256: and 64 hexadecimal digits", s)
	}
	return digest, err
}

// meant adds the digest that a person named, and --again if it was given, to a command
// about a commit.
func meant(digest artifact.Digest, again bool, command Command) Command {
	if !slices.Contains(command.words, word{text: "--commit"}) {
		return command
	}
	if !digest.IsZero() {
		command = command.And("--digest", digest.String())
	}
	if again {
		command = command.And("--again")
	}
	return command
}
