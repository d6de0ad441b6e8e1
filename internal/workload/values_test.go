package workload_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestValuesShowNothing(t *testing.T) {
	const secret = "s3cret-value"
	v := workload.NewValues(map[string]string{"password": secret})
	change := workload.Change{ID: "a", Values: v}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+" "+verb+" "+verb, v, &v, change)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", slog.Any("values", v), slog.Any("change", change))
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", slog.Any("values", v), slog.Any("change", change))
	for _, one := range []any{v, &v, change, map[string]any{"v": v}} {
		b, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	for _, form := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret)} {
		if strings.Contains(out.String(), form) {
			t.Errorf("a value is shown: %s", out.String())
		}
	}
	if got, ok := v.Get("password"); !ok || got != secret {
		t.Errorf("Get returns %q, %v", got, ok)
	}
}
