// Command go is a worker that reads its token from a file for every request, such as the file that
// "jwtctl token --refresh" keeps. It needs no key.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"github.com/jwtctl/jwtctl/examples/temporal/greeting"
)

func main() {
	if err := run(slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func run(logger *slog.Logger) error {
	c, err := client.Dial(client.Options{
		HostPort:        os.Getenv("TEMPORAL_ADDRESS"),
		HeadersProvider: &tokenFile{path: os.Getenv("TOKEN_FILE"), logger: logger},
		Logger:          log.NewStructuredLogger(logger),
	})
	if err != nil {
		return err
	}
	defer c.Close()
	w := worker.New(c, greeting.TaskQueue, worker.Options{})
	w.RegisterWorkflow(greeting.Workflow)
	w.RegisterActivity(greeting.Activity)
	return w.Run(worker.InterruptCh())
}

// tokenFile is a client.Options.HeadersProvider.
type tokenFile struct {
	path   string
	logger *slog.Logger

	mu   sync.Mutex
	last string
}

// GetHeaders returns the Authorization header of one request. The file is small and in the system's cache.
func (f *tokenFile) GetHeaders(context.Context) (map[string]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, err := os.ReadFile(f.path)
	if err != nil {
		return nil, err
	}
	token := strings.TrimSpace(string(text))
	if token != f.last {
		f.last = token
		f.logger.Info("new token, kid=" + keyID(token))
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

// keyID returns the key id that a token names, for the log: never the token itself.
func keyID(token string) string {
	part, _, _ := strings.Cut(token, ".")
	var header struct {
		KeyID string `json:"kid"`
	}
	if text, err := base64.RawURLEncoding.DecodeString(part); err == nil {
		_ = json.Unmarshal(text, &header)
	}
	return header.KeyID
}
