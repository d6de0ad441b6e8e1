// Command service is the service that the integration tests deploy. MODE, in the image's
// environment, selects how it behaves.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	fmt.Println("starting with", os.Getenv("SAMPLE_CLIENT_SECRET"))
	fmt.Fprintln(os.Stderr, "version", os.Getenv("VERSION"), "mode", os.Getenv("MODE"))
	if os.Getenv("MODE") == "echo" {
		// What it prints is in none of its variables.
		fmt.Println("also", strings.ReplaceAll(os.Getenv("ECHO"), "~", ""))
	}
	if os.Getenv("MODE") == "exit" {
		os.Exit(7)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	switch os.Getenv("MODE") {
	case "stubborn": // does not listen
	case "slow": // goes on serving for a while, as one that finishes its requests does
		go func() { <-stop; fmt.Println("told to stop"); time.Sleep(6 * time.Second); os.Exit(0) }()
	default:
		go func() { <-stop; os.Exit(0) }()
	}
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"ok": true, "deploy": map[string]string{
			"commit": os.Getenv("VERSION"), "requestedCommit": os.Getenv("UNIDESK_SAMPLE_DEPLOY_REQUESTED_COMMIT"),
		}})
	})
	fmt.Println(http.ListenAndServe(":8080", nil))
}
