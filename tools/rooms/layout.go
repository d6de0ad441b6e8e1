package main

import (
	"regexp"
	"slices"
	"strings"
)

// layout is docs/layout.md. Its table declares the rooms in their order: a room may
// import only rooms of rows above its own, namely those of its third column:
//
//	| package | holds | imports |
//	|---|---|---|
//	| `internal/fault` | the error | nothing |
//	| `internal/ledger` | receipts | fault |
//
// Names are without "internal/". "anything above" limits a room to the order alone.
// A row stands for the packages below it, too, outside of internal/.
type layout struct {
	lines []string
	rows  []row
}

type row struct {
	line    int // in lines, from 0
	rooms   []string
	allowed []string
	any     bool
}

const anythingAbove = "anything above"

var roomForm = regexp.MustCompile("`([^`]+)`")

func parseLayout(text string) (l layout) {
	l.lines = strings.Split(text, "\n")
	for i, line := range l.lines {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if !strings.HasPrefix(line, "| `") || len(cells) != 3 {
			continue
		}
		r := row{line: i}
		for _, name := range roomForm.FindAllStringSubmatch(cells[0], -1) {
			r.rooms = append(r.rooms, name[1])
		}
		switch imports := strings.TrimSpace(cells[2]); imports {
		case anythingAbove:
			r.any = true
		case "", "nothing":
		default:
			for name := range strings.SplitSeq(imports, ",") {
				r.allowed = append(r.allowed, strings.TrimSpace(name))
			}
		}
		l.rows = append(l.rows, r)
	}
	return l
}

// row returns the index of the room's row, -1 for none.
func (l layout) row(room string) int {
	at := func(name string) int {
		return slices.IndexFunc(l.rows, func(r row) bool { return slices.Contains(r.rooms, name) })
	}
	if i := at(room); i >= 0 || strings.HasPrefix(room, "internal/") {
		return i
	}
	for name := room; strings.Contains(name, "/"); {
		name = name[:strings.LastIndex(name, "/")]
		if i := at(name); i >= 0 {
			return i
		}
	}
	return -1
}

// short is how the third column names a room: as its row does, without "internal/".
func (l layout) short(room string) string {
	if i := l.row(room); i >= 0 && !slices.Contains(l.rows[i].rooms, room) {
		room = l.rows[i].rooms[0] // of the folder that the row stands for
	}
	return strings.TrimPrefix(room, "internal/")
}

// hasRoom reports whether a row stands for a room, and not for a folder without Go or
// of tests alone.
func (l layout) hasRoom(i int, rooms []room) bool {
	return slices.ContainsFunc(rooms, func(r room) bool { return l.row(r.name) == i })
}

// imported are the names of what the rooms of a row import, without the row's own.
func (l layout) imported(i int, rooms []room) (names []string) {
	for _, r := range rooms {
		if l.row(r.name) != i {
			continue
		}
		for _, to := range r.imports {
			if l.row(to) != i {
				names = append(names, l.short(to))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// withImports is the page with the third column brought up to date.
func (l layout) withImports(rooms []room) string {
	lines := slices.Clone(l.lines)
	for i, r := range l.rows {
		if r.any || !l.hasRoom(i, rooms) {
			continue
		}
		cells := strings.Split(lines[r.line], "|")
		cells[3] = " " + joined(l.imported(i, rooms)) + " "
		lines[r.line] = strings.Join(cells, "|")
	}
	return strings.Join(lines, "\n")
}
