package workload

import "log/slog"

// Point names a moment of a deploy at which everything before it has happened,
// durably where it needs to be. Progress lines, receipts and the kill tests all
// use these names.
type Point string

// The points of a deploy, in their order.
const (
	// PointGuard: the contract holds, and the service is locked.
	PointGuard Point = "guard"
	// PointResolve: the commit's digests are known.
	PointResolve Point = "resolve"
	// PointPreflight: every read-only check has passed.
	PointPreflight Point = "preflight"
	// PointTransfer: bytes of a layer are crossing; comes many times.
	PointTransfer Point = "transfer"
	// PointLayer: a layer is whole, verified and durable in the spool.
	PointLayer Point = "layer"
	// PointLoad: the engine holds another prefix of the image, or all of it.
	PointLoad Point = "load"
	// PointStaged: the image is checked, by identity, where it will run.
	PointStaged Point = "staged"
	// PointBefore: the before-image is durable; from here on there is a change.
	PointBefore Point = "before-image"
	// PointTag: the image names point at the new image.
	PointTag Point = "tag"
	// PointConfigure: the deploy keys are in the env file.
	PointConfigure Point = "configure"
	// PointReplace: what runs is about to be replaced.
	PointReplace Point = "recreate"
	// PointSwitch: what replaces it exists.
	PointSwitch Point = "switch"
	// PointProve: the new version is proven, or is not.
	PointProve Point = "prove"
	// PointPending: receipt saved, not final yet.
	PointPending Point = "receipt-pending"
	// PointSettle: the host keeps the change, or has taken it back.
	PointSettle Point = "settle"
	// PointRecord: the receipt is in force.
	PointRecord Point = "record"
)

// Event reports that a point was reached.
type Event struct {
	Point Point
	// Text is a short sentence for people, without a secret.
	Text string
	// Warning means that something did not go as it should and stops nothing.
	Warning bool
	// Unit is the name of the unit that a warning is about, if any.
	Unit string
	// Done and Total are bytes of a transfer or of a load; Total is 0 for an event without.
	Done, Total int64
	// Transfer is the account of a transfer over the line, for PointStaged.
	Transfer *Transfer
}

// Level is the event's level in a journal.
func (e Event) Level() slog.Level {
	if e.Warning {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}
