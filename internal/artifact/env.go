package artifact

import "github.com/pikasTech/unidesk-artifact-cd/internal/fault"

// Env is an environment. The zero value is none, for a person who named none.
type Env uint8

// The environments.
const (
	Prod Env = iota + 1
	Dev
)

// Envs returns all environments, in the order in which people are shown them.
func Envs() []Env { return []Env{Prod, Dev} }

// ParseEnv accepts the name of an environment, and USAGE else.
func ParseEnv(s string) (Env, error) {
	for _, e := range Envs() {
		if s == e.String() {
			return e, nil
		}
	}
	return 0, fault.New(fault.Usage, "%.100q is not an environment; it is prod or dev", s)
}

// String returns the name, or "" for the zero value.
func (e Env) String() string {
	switch e {
	case Prod:
		return "prod"
	case Dev:
		return "dev"
	}
	return ""
}

// MarshalText implements encoding.TextMarshaler.
func (e Env) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; it accepts "" for the zero value.
func (e *Env) UnmarshalText(b []byte) (err error) {
	*e = 0
	if len(b) > 0 {
		*e, err = ParseEnv(string(b))
	}
	return err
}
