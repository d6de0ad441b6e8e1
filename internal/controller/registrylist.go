package controller

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) registryList() *cobra.Command {
	var service string
	cmd := &cobra.Command{
		Use: "list", Short: "List what the registry holds of each service, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			services, err := rowsOf(a.configDir, service)
			if err != nil {
				return err
			}
			c, err := LoadConfig(a.configDir)
			if err != nil {
				return err
			}
			far := newRemote(c.Hosts[c.RegistryHost], a.version)
			defer func() { _ = far.Close() }()
			ctx := cmd.Context()
			list := shelves(ctx, listerOf(ctx, far), services)
			a.partly(ctx, len(failures(list)) > 0)
			if a.format == "json" {
				return a.json(struct {
					OK       bool    `json:"ok"`
					Services []shelf `json:"services"`
				}{a.code == ExitOK, list})
			}
			return printShelves(a.Out, list, time.Now())
		},
	}
	cmd.Flags().StringVar(&service, "service", "", "only this service")
	return cmd
}

func printShelves(out io.Writer, list []shelf, now time.Time) error {
	var lines [][]string
	for _, s := range list {
		for _, one := range s.Artifacts {
			weight := "-"
			if one.Size > 0 {
				weight = size(one.Size)
			}
			lines = append(lines, []string{s.Service.String(), one.Commit.String(), one.Digest.Hex()[:12], weight, builtAgo(now, one.Created)})
		}
	}
	if err := rows(out, []string{"SERVICE", "COMMIT", "DIGEST", "SIZE", "AGE"}, lines); err != nil {
		return err
	}
	p := &printer{out: out}
	var nothing []string
	for _, s := range list {
		if s.Failure == nil && len(s.Artifacts) == 0 {
			nothing = append(nothing, s.Service.String())
		}
		if n := len(s.Others); n > 0 {
			p.line("%s", faint.Render(fmt.Sprintf("%s has %d tags that are no full commit and are never deployed: %s", s.Service, n, few(s.Others))))
		}
	}
	if len(nothing) > 0 {
		p.line("%s", faint.Render("nothing is published of "+strings.Join(nothing, ", ")))
	}
	if p.err != nil {
		return p.err
	}
	return printUnasked(out, failures(list))
}

// few names the first of many.
func few(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + ", …"
}
