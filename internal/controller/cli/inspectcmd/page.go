package inspectcmd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/page"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/daemonlog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// defaultListen is the address of the page without a socket of systemd's.
const defaultListen = "127.0.0.1:8300"

type pageCommand struct {
	*command.App
	folder, listen string
}

// NewPage returns the command page.
func NewPage(a *command.App) *cobra.Command {
	c := &pageCommand{App: a}
	cmd := &cobra.Command{
		Use: "page", Short: "Daemon: serve what is live as a web page, read only",
		Long: `page serves what watch leaves in a folder as web pages: what is live, the
deploys of each service, a deploy as it goes on, the hosts and the registry. It
reads that folder and no configuration, and needs no other right. The package's
unit runs it on a socket; as a command it listens on an address of this machine.

The page is reached through ssh: ssh -L 8300:/run/unidesk-page.sock MASTER, and
http://localhost:8300 in a browser.`,
		Example: "  unidesk-controller page --listen 127.0.0.1:8300", Args: cobra.NoArgs, RunE: a.Runs(c),
	}
	cmd.Flags().StringVar(&c.folder, "folder", site.DefaultPageFolder, "the `folder` that watch writes: watch.page in controller.yaml")
	cmd.Flags().StringVar(&c.listen, "listen", "", "loopback `address` and port, "+defaultListen+" if systemd gives no socket")
	return cmd
}

func (c *pageCommand) Run(ctx context.Context) (present.Answer, error) {
	c.HideProgress() // its log has the same
	socket, err := c.socket(ctx)
	if err != nil {
		return present.Answer{}, err
	}
	logger := c.Log()
	logger.Info("serving the page", slog.String("at", socket.Addr().String()), slog.String("folder", c.folder))
	var beside sync.WaitGroup
	defer beside.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	beside.Go(func() { daemonlog.Supervise(ctx, logger) })
	if err := page.New(c.folder, logger).Serve(ctx, socket); err != nil {
		return present.Answer{}, fault.New(fault.Internal, "serve the page: %w", err)
	}
	return present.Nothing(), nil
}

// socket returns what to answer on: what systemd gives, or an address of this machine.
func (c *pageCommand) socket(ctx context.Context) (net.Listener, error) {
	given, err := activation.Listeners()
	if err != nil {
		return nil, fault.New(fault.ConfigInvalid, "socket activation: %w", err)
	}
	address := c.listen
	switch {
	case len(given) == 1 && given[0] != nil && address == "":
		return given[0], nil
	case len(given) > 0:
		return nil, fault.New(fault.ConfigInvalid, "socket activation: %d sockets; one socket is served, without --listen", len(given))
	case address == "":
		address = defaultListen
	}
	if !page.Loopback(address) {
		return nil, fault.New(fault.Usage, "--listen %.100q is not a loopback address with a port", address).
			WithHint("the page has no login: listen on 127.0.0.1 or [::1], and reach it through ssh -L")
	}
	socket, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil && !errors.Is(err, syscall.EADDRINUSE) {
		return nil, fault.New(fault.Internal, "listen for the page: %w", err)
	}
	if err != nil {
		return nil, fault.New(fault.PortInUse, "listen for the page: %w", err).
			WithHint("`ss -ltnp` names the process that has %s; --listen takes another port", address)
	}
	return socket, nil
}
