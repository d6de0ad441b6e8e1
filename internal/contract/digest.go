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

// judge judges the gate.
func (c *Contract) judge() {
	c.Gate = Judge(c.row, c.Env, c.asked)
	c.Gate.Next = c.Meant(c.Gate.Next)
}

// Meant adds the digest that the person named to a command about the contract's commit.
func (c Contract) Meant(command Command) Command {
	if c.Digest.IsZero() || !slices.Contains(command.words, word{text: "--commit"}) {
		return command
	}
	return Command{append(slices.Clone(command.words), Words("--digest", c.Digest.String()).words...)}
}
