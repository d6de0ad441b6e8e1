package main

import (
	"regexp"
	"slices"
	"strings"
)

var (
	orderForm = regexp.MustCompile(`(?s)Files, from the top: (.*?\.go)\.`)
	fileForm  = regexp.MustCompile(`[a-z0-9_]+\.go`)
)

// declaredOrder reads the order of a room's files out of its package comment, nil
// for none:
//
//	Files, from the top: deploy.go, run.go, step.go.
//
// A file may use what stands in the files after it.
func declaredOrder(comment string) []string {
	found := orderForm.FindStringSubmatch(comment)
	if found == nil {
		return nil
	}
	return fileForm.FindAllString(found[1], -1)
}

// back are the arrows against the declared order.
func (r room) back() (back []arrow) {
	for _, a := range r.arrows {
		from, to := slices.Index(r.order, a.from), slices.Index(r.order, a.to)
		if from >= 0 && to >= 0 && to < from {
			back = append(back, a)
		}
	}
	return back
}

// floors counts the floors on which the files stand: a file above all files that it
// uses. Files that use each other, directly or not, are a circle and stand on one
// floor; circled is how many files are in circles.
func (r room) floors() (floors, circled int) {
	reach := make(map[string]map[string]bool)
	for _, f := range r.files {
		reach[f.name] = r.reachable(f.name)
	}
	height := make(map[string]int)
	var rise func(name string) int
	rise = func(name string) int {
		if h, ok := height[name]; ok {
			return h
		}
		h := 0
		for other := range reach[name] {
			if !reach[other][name] { // below this file, and not in its circle
				h = max(h, rise(other)+1)
			}
		}
		height[name] = h
		return h
	}
	for _, f := range r.files {
		floors = max(floors, rise(f.name)+1)
		if reach[f.name][f.name] {
			circled++
		}
	}
	return floors, circled
}

// reachable are the files that the file uses, directly or not.
func (r room) reachable(name string) map[string]bool {
	found := make(map[string]bool)
	next := []string{name}
	for len(next) > 0 {
		at := next[0]
		next = next[1:]
		for _, a := range r.arrows {
			if a.from == at && !found[a.to] {
				found[a.to] = true
				next = append(next, a.to)
			}
		}
	}
	return found
}

func joined(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}
