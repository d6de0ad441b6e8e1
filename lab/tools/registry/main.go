// Command registry is the CNCF Distribution registry at the version that UniDesk runs, 2.8.3: the lab's stand-in for the
// image registry:2.8.3, which no lab can pull.
//
// Upstream's own command wants a module that is no longer published (rsc.io/letsencrypt), for a feature that a loopback
// registry has no use for. What answers requests, registry/handlers, builds as it is; this is the rest of the command.
// So `serve` takes the real config.yml, while `garbage-collect` and ACME are absent, and TLS is refused.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/docker/distribution/configuration"
	"github.com/docker/distribution/health"
	"github.com/docker/distribution/registry/handlers"
	_ "github.com/docker/distribution/registry/storage/driver/filesystem"
	_ "github.com/docker/distribution/registry/storage/driver/inmemory"
	"github.com/docker/distribution/version"
	"github.com/sirupsen/logrus"
)

// released is what upstream's build sets by a linker flag; its sources have "unknown".
const released = "v2.8.3"

func main() {
	version.Version = released
	switch {
	case len(os.Args) == 2 && (os.Args[1] == "--version" || os.Args[1] == "-v"):
		version.PrintVersion()
	case len(os.Args) == 3 && os.Args[1] == "serve":
		if err := serve(os.Args[2]); err != nil {
			log.Fatal(err)
		}
	default:
		fmt.Fprintln(os.Stderr, "usage: registry serve CONFIG.yml\n       registry --version")
		os.Exit(2)
	}
}

// serve answers on http.addr until it gets the signal to stop, and then lets requests
// that are under way end.
func serve(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	config, err := configuration.Parse(file)
	file.Close()
	if err != nil {
		return fmt.Errorf("parse %s: %w", path, err)
	}
	if config.HTTP.TLS.Certificate != "" || config.HTTP.TLS.LetsEncrypt.CacheFile != "" {
		return errors.New("http.tls is set: this build serves plain HTTP only")
	}

	// The handlers log through logrus's global logger; setting it by the file is left to the command.
	level, err := logrus.ParseLevel(string(config.Log.Level))
	if err != nil {
		return fmt.Errorf("log.level: %w", err)
	}
	logrus.SetLevel(level)

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	app := handlers.NewApp(ctx, config)
	app.RegisterHealthChecks()
	server := &http.Server{Addr: config.HTTP.Addr, Handler: alive(app), ReadHeaderTimeout: time.Minute}

	served := make(chan error, 1)
	go func() { served <- server.ListenAndServe() }()
	log.Printf("registry %s listening on %s", released, config.HTTP.Addr)
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(drain)
}

// alive is upstream's own order: "/" answers 200 whatever the store's state, the rest
// answers 503 while a health check fails.
func alive(app http.Handler) http.Handler {
	checked := health.Handler(app)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.Header().Set("Cache-Control", "no-cache")
			w.WriteHeader(http.StatusOK)
			return
		}
		checked.ServeHTTP(w, r)
	})
}
