package controller

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

func (a *app) host() *cobra.Command {
	cmd := &cobra.Command{Use: "host", Short: "List the hosts, or put the agent on one"}
	return grouped(cmd, a.hostList(), a.hostBootstrap())
}

// hostNamed is a host of controller.yaml.
func (c Config) hostNamed(name string) (tunnel.Config, error) {
	host, known := c.Hosts[name]
	if !known {
		return host, fault.New(fault.Usage, "%q is not among the hosts of controller.yaml: %s", name, strings.Join(sortedKeys(c.Hosts), ", "))
	}
	return host, nil
}

// transport names the way to a host: its kind, and where it leads.
func transport(c tunnel.Config) string {
	switch {
	case c.SSH != nil:
		return "ssh " + c.SSH.Destination
	case c.Socket != "":
		return "socket " + c.Socket
	default:
		return fmt.Sprintf("command %s", c.Name())
	}
}
