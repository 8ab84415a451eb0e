// Package nearest finds the name that somebody meant who wrote another.
package nearest

import "strings"

// maxMisses is how many letters of a misspelt name may be wrong.
const maxMisses = 2

// Of returns that of the names which a name resembles most, "" if it resembles
// none. Names are in small letters.
func Of(name string, names []string) string {
	best, misses := "", maxMisses+1
	for _, other := range names {
		if n := distance(strings.ToLower(name), other); n < misses && n < len(other) {
			best, misses = other, n
		}
	}
	return best
}

// distance counts the letters to insert, delete, change, or swap with their
// neighbour to get from a to b, where no letter is edited twice.
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	// rows[i][j] is the distance of the first i letters to the first j.
	rows := make([][]int, len(from)+1)
	for i := range rows {
		rows[i] = make([]int, len(to)+1)
		for j := range rows[i] {
			if i == 0 || j == 0 {
				rows[i][j] = i + j
				continue
			}
			changed := rows[i-1][j-1]
			if from[i-1] != to[j-1] {
				changed++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, changed)
			if i > 1 && j > 1 && from[i-1] == to[j-2] && from[i-2] == to[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(from)][len(to)]
}
