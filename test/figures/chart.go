package figures

import (
	"fmt"
	"html"
	"strings"
	"time"
)

// The chart's measures, in pixels.
const (
	chartWidth = 900
	nameWidth  = 330
	barHeight  = 14
	caseGap    = 16
)

// Chart is the medians of the time as bars, with a line from the shortest to the longest, as an SVG.
func (r *Report) Chart() string {
	longest := time.Duration(1)
	for _, c := range r.Cases {
		for _, samples := range c.Runs {
			for _, s := range samples {
				longest = max(longest, s.Took)
			}
		}
	}
	x := func(d time.Duration) float64 {
		return float64(chartWidth-nameWidth-80) * d.Seconds() / longest.Seconds()
	}
	var b strings.Builder
	y := 30
	text := func(x float64, y int, anchor, weight, words string) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="%s" font-weight="%s">%s</text>`+"\n", x, y, anchor, weight, html.EscapeString(words))
	}
	text(8, 18, "start", "bold", "Time to the verified image, median, shortest to longest")
	for _, c := range r.Cases {
		y += caseGap
		text(8, y, "start", "bold", c.Title+" ("+c.Link+")")
		y += 6
		for _, way := range ways() {
			s := c.Runs[way]
			if s == nil {
				continue
			}
			fill := "#9aa4b2"
			if way == Ours || way == Prefetch {
				fill = "#2563eb"
			}
			took, shortest, most := Middle(s, Took), s[0].Took, s[0].Took
			for _, one := range s {
				shortest, most = min(shortest, one.Took), max(most, one.Took)
			}
			text(nameWidth-8, y+barHeight-3, "end", "normal", string(way))
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", nameWidth, y, x(took), barHeight-2, fill)
			middle := y + barHeight/2 - 1
			fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%[2]d" stroke="#111827"/>`+"\n", nameWidth+x(shortest), middle, nameWidth+x(most))
			text(nameWidth+x(most)+6, y+barHeight-3, "start", "normal", span(took))
			y += barHeight
		}
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">
<rect width="100%%" height="100%%" fill="#ffffff"/>
%s</svg>
`, chartWidth, y+12, b.String())
}
