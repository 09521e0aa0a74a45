// Command server runs a Temporal server that authorizes by JWT, for trying out tokens made by jwtctl.
//
//	go run ./server --jwks http://127.0.0.1:61884/jwks.json
//
// It serves on 127.0.0.1:7233 and stops on Ctrl+C.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"go.temporal.io/server/common/log"

	"github.com/jwtctl/jwtctl/examples/temporal/server/standalone"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts, err := parse(args)
	if err != nil {
		return err
	}
	if opts.Port == 0 {
		port, reservation, err := standalone.FreePort()
		if err != nil {
			return err
		}
		defer reservation.Close()
		opts.Port = port
	}
	if len(opts.JWKS) == 0 {
		return errors.New("no --jwks URL\nhint: run jwtctl gen-and-serve and pass the URL it prints")
	}
	cfg, err := standalone.Config(opts)
	if err != nil {
		return err
	}
	for _, jwks := range opts.JWKS {
		if err := reach(ctx, jwks, 5*time.Second); err != nil {
			return fmt.Errorf("JWKS: %w\nhint: is jwtctl gen-and-serve running, and is this the URL it printed?", err)
		}
	}
	if err := standalone.CheckPorts(cfg); err != nil {
		return fmt.Errorf("%w\nhint: use another --port (it moves all ports of the server), or --port 0 for free ports", err)
	}
	server, err := standalone.New(cfg, log.NewZapLogger(log.BuildZapLogger(cfg.Log)))
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	fmt.Fprintf(stdout, "Temporal server ready on 127.0.0.1:%d. Keys: %s, fetched every %s. Ctrl+C to exit.\n",
		opts.Port, strings.Join(opts.JWKS, ", "), cfg.Global.Authorization.JWTKeyProvider.RefreshInterval)
	<-ctx.Done()
	fmt.Fprintln(stderr, "server: stopping")
	return server.Stop()
}

func parse(args []string) (standalone.Options, error) {
	var opts standalone.Options
	flags := flag.NewFlagSet("server", flag.ExitOnError)
	flags.Func("jwks", "`URL` of the JWKS that jwtctl serves (required); repeatable", func(url string) error {
		opts.JWKS = append(opts.JWKS, url)
		return nil
	})
	flags.DurationVar(&opts.RefreshInterval, "refresh", standalone.DefaultRefreshInterval, "how often to refetch the JWKS")
	flags.IntVar(&opts.Port, "port", standalone.DefaultPort, "gRPC port of the frontend, 0 for a free one; the other services' ports move with it")
	flags.StringVar(&opts.DatabaseFile, "db", "", "SQLite `FILE` to store everything in (default: in memory)")
	flags.StringVar(&opts.LogLevel, "log-level", "warn", "log level: debug, info, warn or error; why tokens are refused is logged at error")
	if err := flags.Parse(args); err != nil {
		return opts, err
	}
	if flags.NArg() > 0 {
		return opts, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return opts, nil
}

// reach fetches the key set once. The server itself would start without it and refuse every token, or hang as long as
// the endpoint does.
func reach(ctx context.Context, jwks string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, jwks, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", jwks, resp.Status)
	}
	return nil
}
