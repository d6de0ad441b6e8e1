package page

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"golang.org/x/net/netutil"
)

// Serve answers on a socket until ctx ends.
func (s *Server) Serve(ctx context.Context, socket net.Listener) error {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	server := &http.Server{
		Protocols: protocols,
		Handler:   s.Handler(), ReadHeaderTimeout: timeToRead, ReadTimeout: timeToRead, WriteTimeout: timeToWrite, IdleTimeout: timeIdle,
		MaxHeaderBytes: mostHeader, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), // of broken connections
		BaseContext: func(net.Listener) context.Context { return ctx }, // a stream ends with it
	}
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(over)
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeToWrite)
		defer cancel()
		_ = server.Shutdown(ending)
	})
	if err := server.Serve(netutil.LimitListener(socket, mostConnections)); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return err
	}
	<-over // what is being answered is answered
	return nil
}
