package main

import (
	"fmt"
	"slices"
	"strings"
)

// limits are what a room must keep to.
type limits struct {
	roomLines int
	large     []string // rooms that may have more
	fileLines int
	ordered   []string // rooms that declare the order of their files
	hub       string   // the type that few files may mention
	mentions  int
}

// ours are the limits of this repository.
func ours() limits {
	return limits{
		roomLines: 2000,
		large:     []string{"internal/rpc"},
		fileLines: 300,
		ordered:   []string{"internal/contract", "internal/deploy"},
		hub:       "internal/contract.Contract",
		mentions:  12,
	}
}

// check returns the broken limits, in sentences.
func check(rooms []room, table layout, limit limits) (broken []string) {
	say := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	var mentioning []string
	for _, r := range rooms {
		if n := r.lines(); strings.HasPrefix(r.name, "internal/") && n > limit.roomLines && !slices.Contains(limit.large, r.name) {
			say("%s has %d lines, at most %d are allowed", r.name, n, limit.roomLines)
		}
		for _, f := range r.files {
			if f.lines > limit.fileLines {
				say("%s/%s has %d lines, at most %d are allowed", r.name, f.name, f.lines, limit.fileLines)
			}
			if f.mentions[limit.hub] && !strings.HasPrefix(limit.hub, r.name+".") { // its own package does not count
				mentioning = append(mentioning, r.name+"/"+f.name)
			}
		}
		broken = append(broken, checkOrder(r, slices.Contains(limit.ordered, r.name))...)
	}
	for _, name := range limit.ordered {
		if !slices.ContainsFunc(rooms, func(r room) bool { return r.name == name }) {
			say("there is no package %s, whose files must have an order", name)
		}
	}
	if n := len(mentioning); n == 0 || n > limit.mentions {
		say("%d files mention %s, 1 to %d are allowed: %s", n, limit.hub, limit.mentions, joined(mentioning))
	}
	return append(broken, checkLayout(rooms, table)...)
}

// checkOrder compares the arrows inside a room with the order of its package comment.
func checkOrder(r room, must bool) (broken []string) {
	say := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	if r.order == nil {
		if must {
			say("%s: its package comment declares no order (`Files, from the top: a.go, b.go.`)", r.name)
		}
		return broken
	}
	for _, f := range r.files {
		if !slices.Contains(r.order, f.name) {
			say("%s/%s is not in the order that the package comment declares", r.name, f.name)
		}
	}
	for _, name := range r.order {
		if !slices.ContainsFunc(r.files, func(f file) bool { return f.name == name }) {
			say("%s: the package comment names %s, which is not there", r.name, name)
		}
	}
	for _, a := range r.back() {
		say("%s/%s:%d uses %s of %s, which stands above it", r.name, a.from, a.line, a.what, a.to)
	}
	return broken
}

// checkLayout compares the imports with the table.
func checkLayout(rooms []room, table layout) (broken []string) {
	say := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	for _, r := range rooms {
		i := table.row(r.name)
		if i < 0 {
			say("%s has no row in docs/layout.md", r.name)
			continue
		}
		for _, to := range r.imports {
			if j := table.row(to); j > i {
				say("%s imports %s, whose row in docs/layout.md is below its own", r.name, to)
			}
		}
	}
	for i, w := range table.rows {
		for _, name := range w.rooms {
			if strings.HasPrefix(name, "internal/") && !slices.ContainsFunc(rooms, func(r room) bool { return r.name == name }) {
				say("docs/layout.md has a row for %s, which is not there", name)
			}
		}
		if w.any || !table.hasRoom(i, rooms) {
			continue
		}
		imported := table.imported(i, rooms)
		for _, name := range imported {
			if !slices.Contains(w.allowed, name) {
				say("%s imports %s, which its row in docs/layout.md does not allow", w.rooms[0], name)
			}
		}
		for _, name := range w.allowed {
			if !slices.Contains(imported, name) {
				say("the row of %s in docs/layout.md has the import %s, which is not there", w.rooms[0], name)
			}
		}
	}
	return broken
}
