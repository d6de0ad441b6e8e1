// Package document is the form of the JSON of all commands: an object that begins with the
// version of the form, and in which no list and no map is null. It knows no answer.
package document

import (
	"bytes"
	"encoding"
	"encoding/json"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Version is the version of the form: docs/output.md has what it promises.
const Version = 1

// Line returns an answer as JSON on a line.
func Line(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(whole(reflect.ValueOf(v)).Interface()); err != nil {
		return nil, err
	}
	rest, ok := bytes.CutPrefix(b.Bytes(), []byte("{"))
	if !ok {
		return nil, fault.New(fault.Internal, "%T is an answer and no object", v)
	}
	head := `{"schemaVersion":` + strconv.Itoa(Version)
	if rest[0] != '}' {
		head += ","
	}
	return append([]byte(head), rest...), nil
}

// Write writes an answer as JSON on several lines.
func Write(out io.Writer, v any) error {
	line, err := Line(v)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, line, "", "  "); err != nil {
		return err
	}
	_, err = out.Write(b.Bytes())
	return err
}

// whole returns a value with an empty list and an empty map for each that is nil, but for
// those that its JSON leaves out.
func whole(v reflect.Value) reflect.Value {
	if !v.IsValid() || isWord(v.Type()) {
		return v
	}
	t := v.Type()
	same := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		same.Set(reflect.New(t.Elem()))
		same.Elem().Set(whole(v.Elem()))
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		same.Set(whole(v.Elem()))
	case reflect.Slice:
		same.Set(reflect.MakeSlice(t, v.Len(), v.Len()))
		for i := range v.Len() {
			same.Index(i).Set(whole(v.Index(i)))
		}
	case reflect.Map:
		same.Set(reflect.MakeMapWithSize(t, v.Len()))
		for key, value := range v.Seq2() {
			same.SetMapIndex(key, whole(value))
		}
	case reflect.Struct:
		same.Set(v)
		for f, value := range v.Fields() {
			tag := f.Tag.Get("json")
			absent := tag == "-" || strings.Contains(tag, ",omit") && value.IsZero()
			if f.IsExported() && !absent {
				same.FieldByIndex(f.Index).Set(whole(value))
			}
		}
	default:
		return v
	}
	return same
}

// isWord reports whether a type makes its own JSON.
func isWord(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Marshaler]()) || p.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}
