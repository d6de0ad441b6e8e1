// Command service plays the services of the sample UniDesk, each under its own name and
// port. It knows its commit from the build and not from the environment: what /health
// returns about it is a witness, not an echo of what a deploy wrote.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// commit is set by the build: -ldflags "-X main.commit=...".
var commit = "unknown"

const (
	slowStart  = 6 * time.Second
	crashAfter = 4 * time.Second
)

func main() {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, logger, os.Getenv("UNIDESK_SERVICE")); err != nil {
		logger.Error("ended", slog.Any("err", err))
		os.Exit(1)
	}
}

func run(ctx context.Context, logger *slog.Logger, name string) error {
	logger.Info("starting", slog.String("service", name), slog.String("commit", commit), slog.String("behaviour", behaviour))
	switch behaviour {
	case "crash":
		return errors.New("this version cannot start")
	case "crash-later":
		time.AfterFunc(crashAfter, func() {
			logger.Error("this version cannot go on")
			os.Exit(1)
		})
	case "leaky":
		logger.Info("connecting", slog.String("clientSecret", os.Getenv(key(name, "CLIENT_SECRET"))))
		logger.Info("my environment", slog.Any("all", os.Environ()))
		leak(os.Stderr, os.Getenv(key(name, "CLIENT_SECRET")))
		logger.Info("still connecting", slog.String("tokenKey", os.Getenv(key(name, "TOKEN_KEY"))))
	case "slow-start":
		select {
		case <-time.After(slowStart):
		case <-ctx.Done():
			return nil
		}
	}

	mux := http.NewServeMux()
	if name == "todo-note" {
		// It comes from a repository of its own, which knows nothing of deploys.
		mux.HandleFunc("GET /api/health", func(w http.ResponseWriter, _ *http.Request) {
			answer(w, health{OK: true, Service: name})
		})
	} else {
		mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { answer(w, current(name)) })
	}

	port := portOf(name)
	if port == "" {
		return fmt.Errorf("UNIDESK_SERVICE=%q is none of the sample's services, and there is no PORT", name)
	}
	server := &http.Server{Addr: ":" + port, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.ListenAndServe() }()
	logger.Info("listening", slog.String("address", server.Addr))
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	return server.Shutdown(drain)
}

// portOf is where the real service listens; PORT overrides it.
func portOf(name string) string {
	if port := os.Getenv("PORT"); port != "" {
		return port
	}
	switch name {
	case "baidu-netdisk":
		return "4244"
	case "frontend", "backend-core", "code-queue-mgr":
		return "8080"
	case "project-manager":
		return "4233"
	case "oa-event-flow":
		return "4255"
	case "todo-note":
		return "4211"
	case "findjob", "pipeline", "decision-center", "mdtodo", "claudeqq", "code-queue":
		return "8080"
	}
	return ""
}

// health is the contract that the services of UniDesk share.
type health struct {
	OK      bool    `json:"ok"`
	Service string  `json:"service"`
	Deploy  *deploy `json:"deploy,omitempty"`
	Auth    *auth   `json:"auth,omitempty"`
}

type deploy struct {
	Commit          string `json:"commit"`
	RequestedCommit string `json:"requestedCommit"`
}

// auth reports what baidu-netdisk has, never its values.
type auth struct {
	Configured             bool `json:"configured"`
	ClientIDConfigured     bool `json:"clientIdConfigured"`
	ClientSecretConfigured bool `json:"clientSecretConfigured"`
	TokenKeyConfigured     bool `json:"tokenKeyConfigured"`
	LoggedIn               bool `json:"loggedIn"`
}

func current(name string) health {
	h := health{OK: true, Service: name, Deploy: &deploy{
		Commit: commit,
		// In Kubernetes no two services share an environment, and no name is in the keys.
		RequestedCommit: cmp.Or(os.Getenv(key(name, "DEPLOY_REQUESTED_COMMIT")), os.Getenv("UNIDESK_DEPLOY_REQUESTED_COMMIT")),
	}}
	if behaviour == "stale-commit" {
		h.Deploy.Commit = strings.Repeat("0", len(commit))
	}
	if name == "baidu-netdisk" {
		has := func(k string) bool { return os.Getenv(key(name, k)) != "" }
		a := auth{
			ClientIDConfigured:     has("CLIENT_ID"),
			ClientSecretConfigured: has("CLIENT_SECRET"),
			TokenKeyConfigured:     has("TOKEN_KEY"),
			LoggedIn:               has("SESSION") && behaviour != "logged-out",
		}
		a.Configured = a.ClientIDConfigured && a.ClientSecretConfigured && a.TokenKeyConfigured
		h.Auth = &a
	}
	return h
}

// answer writes the health as this commit's behaviour has it.
func answer(w http.ResponseWriter, h health) {
	switch behaviour {
	case "not-json":
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html><body>It works!</body></html>\n"))
		return
	case "never-healthy", "leaky":
		h.OK = false
	}
	w.Header().Set("Content-Type", "application/json")
	if !h.OK {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(h)
}

// key is the name of a service's variable: UNIDESK_<SERVICE>_<suffix>.
func key(name, suffix string) string {
	return "UNIDESK_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "_" + suffix
}
