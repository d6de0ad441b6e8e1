package plain

// Label is the word for people of a value that JSON and files have: a point of a deploy, a
// decision, a standing, a check. Most values are words for people, and stay.
func Label[T ~string](value T) string {
	switch string(value) {
	case "before-image":
		return "snapshot"
	case "receipt-pending":
		return "receipt"
	case "settle":
		return "confirm"
	case "unsettled":
		return "unconfirmed"
	case "rolled back":
		return "reverted"
	case "leftovers":
		return "interrupted deploys"
	}
	return string(value)
}
