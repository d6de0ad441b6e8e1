package workload

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
)

// Values are values of configuration by their keys. Printed, logged or encoded they
// show how many they are and nothing else. The zero value has none.
type Values struct{ of map[string]string }

// NewValues returns values that share nothing with the map.
func NewValues(of map[string]string) Values { return Values{maps.Clone(of)} }

// Get returns the value of a key.
func (v Values) Get(key string) (string, bool) {
	value, ok := v.of[key]
	return value, ok
}

// Keys returns the keys in their order.
func (v Values) Keys() []string { return slices.Sorted(maps.Keys(v.of)) }

// Len returns how many there are.
func (v Values) Len() int { return len(v.of) }

// Equal reports whether both have the same values.
func (v Values) Equal(o Values) bool { return maps.Equal(v.of, o.of) }

// String implements [fmt.Stringer].
func (v Values) String() string { return fmt.Sprintf("%d values, not shown", len(v.of)) }

// Format implements [fmt.Formatter] for every verb.
func (v Values) Format(s fmt.State, _ rune) { _, _ = fmt.Fprint(s, v.String()) }

// LogValue implements [slog.LogValuer].
func (v Values) LogValue() slog.Value { return slog.StringValue(v.String()) }

// MarshalText implements encoding.TextMarshaler.
func (v Values) MarshalText() ([]byte, error) { return []byte(v.String()), nil }
