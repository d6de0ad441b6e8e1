package rpc

import (
	"math"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// points pairs the points of a deploy with their values in the contract.
func points() map[workload.Point]artifactv1.Point {
	return map[workload.Point]artifactv1.Point{
		workload.PointGuard: artifactv1.Point_POINT_GUARD, workload.PointResolve: artifactv1.Point_POINT_RESOLVE,
		workload.PointPreflight: artifactv1.Point_POINT_PREFLIGHT, workload.PointTransfer: artifactv1.Point_POINT_TRANSFER,
		workload.PointLayer: artifactv1.Point_POINT_LAYER, workload.PointLoad: artifactv1.Point_POINT_LOAD,
		workload.PointStaged: artifactv1.Point_POINT_STAGED, workload.PointBefore: artifactv1.Point_POINT_BEFORE_IMAGE,
		workload.PointTag: artifactv1.Point_POINT_TAG, workload.PointConfigure: artifactv1.Point_POINT_CONFIGURE,
		workload.PointReplace: artifactv1.Point_POINT_REPLACE, workload.PointSwitch: artifactv1.Point_POINT_SWITCH,
		workload.PointProve: artifactv1.Point_POINT_PROVE, workload.PointPending: artifactv1.Point_POINT_RECEIPT_PENDING,
		workload.PointSettle: artifactv1.Point_POINT_SETTLE, workload.PointRecord: artifactv1.Point_POINT_RECORD,
	}
}

func eventToProto(e workload.Event) *artifactv1.Progress {
	return &artifactv1.Progress{
		Point: points()[e.Point], Text: clip(plain.Line(e.Text)), Warning: e.Warning,
		DoneBytes: uint64(max(0, e.Done)), TotalBytes: uint64(max(0, e.Total)),
	}
}

// eventOf parses progress. The event of a sign of life, and of a point that only a newer
// agent knows, has no point.
func eventOf(p *artifactv1.Progress) (workload.Event, error) {
	var f fields
	if p == nil {
		f.refuse("step", "neither progress nor a result")
	}
	e := workload.Event{
		Text: f.told("progress.text", p.GetText()), Warning: p.GetWarning(),
		Done: int64(min(p.GetDoneBytes(), math.MaxInt64)), Total: int64(min(p.GetTotalBytes(), math.MaxInt64)),
	}
	for point, value := range points() {
		if value == p.GetPoint() {
			e.Point = point
		}
	}
	return e, f.err
}
