package cli

import (
	"github.com/spf13/cobra"
)

func (a *app) host() *cobra.Command {
	cmd := &cobra.Command{Use: "host", Short: "List the hosts, or put the agent on one"}
	return grouped(cmd, a.hostList(), a.hostBootstrap())
}
