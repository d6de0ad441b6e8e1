package plain

import "strings"

const (
	// leastPart is how many letters a word must have to be looked for inside of a name.
	leastPart = 3
	// longest is the longest word that is compared: no name is near it.
	longest = 100
)

// Near returns the names that a person who typed the word may have meant, in the order of
// the names: names that have the word in them, else names that differ from it by the fewest
// letters, at most a third of the word's, or a single letter. Capitals make no difference.
func Near(word string, names []string) (near []string) {
	if word = strings.ToLower(word); len(word) > longest {
		return nil
	}
	if len(word) >= leastPart {
		for _, name := range names {
			if strings.Contains(strings.ToLower(name), word) {
				near = append(near, name)
			}
		}
	}
	if len(near) > 0 {
		return near
	}
	fewest := max(1, len(word)/leastPart)
	for _, name := range names {
		switch d := distance(word, strings.ToLower(name)); {
		case d < fewest:
			near, fewest = []string{name}, d
		case d == fewest && d < len(word):
			near = append(near, name)
		}
	}
	return near
}

// distance is how many letters must be put in, taken out, replaced or swapped with their
// neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
	// before, last and row are rows of the table; row[j] is of a[:i] and b[:j].
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := last[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(replaced, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
