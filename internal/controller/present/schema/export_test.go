package schema

import "reflect"

// Answers returns the types that a command answers with.
func Answers(command string) []reflect.Type { return answersOf(command) }
