// Conformance runs the test suites of peers against each other directly, and
// again with jwtctl proxy in between or under the interceptors of grpcauth ("in
// process"), and prints both counts side by side. Each case that passes directly
// must pass then too, but for those that exceptions.txt names with a reason
// (security.md S80).
//
// The suites are connectrpc.com/conformance, with connect-go's and grpc-go's
// client and server, and grpc-go's interop cases. go.mod pins both.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := dispatch(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, errNotConformant):
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(2)
	}
}

// dispatch runs the suites, or is one of the two programs that connectconformance
// starts to have a proxy in between: "server SETUP COMMAND…" and "client SETUP
// COMMAND…". "proxy" is what suites in process have in the place of jwtctl proxy:
// a server by grpc-go under the interceptors. "throughput" compares the proxy with
// nginx.
func dispatch(ctx context.Context, args []string) error {
	if len(args) > 2 && (args[0] == "server" || args[0] == "client") {
		s, err := readSetup(args[1])
		if err != nil {
			return err
		}
		if args[0] == "server" {
			return serveBehindProxy(ctx, s, args[2:])
		}
		return callThroughProxy(ctx, s, args[2:])
	}
	if len(args) > 0 && args[0] == "proxy" {
		return serveInProcess(ctx, args[1:])
	}
	if len(args) > 0 && args[0] == "throughput" {
		return compareWithNginx(ctx, args[1:])
	}
	return runAll(ctx, args)
}

var errNotConformant = errors.New("not conformant")

// options are those of the command line.
type options struct {
	quick    bool
	only     *regexp.Regexp
	jwtctl   string
	programs string // folder of the peers' programs
	work     string // folder for logs, keys and what connectconformance prints
}

func parseOptions(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet("conformance", flag.ContinueOnError)
	fs.BoolVar(&o.quick, "quick", false, "leave out the suites that take longest")
	only := fs.String("only", ".", "`REGEXP` of the suites to run")
	fs.StringVar(&o.jwtctl, "jwtctl", "../../bin/jwtctl", "`FILE` of the program to test")
	fs.StringVar(&o.programs, "programs", "../../bin/conformance", "`DIR` of the peers' programs")
	fs.StringVar(&o.work, "work", "", "`DIR` for logs (default: a temporary directory, removed unless a case fails)")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, err
	}
	for _, path := range []*string{&o.jwtctl, &o.programs} {
		if *path, err = filepath.Abs(*path); err != nil {
			return o, err
		}
	}
	return o, nil
}

// runAll runs the suites that the options pick and prints the table.
func runAll(ctx context.Context, args []string) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	keep := o.work != ""
	if !keep {
		if o.work, err = os.MkdirTemp("", "conformance"); err != nil {
			return err
		}
	}
	known, err := readExceptions("exceptions.txt")
	if err != nil {
		return err
	}
	bench, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	failed := false
	printHeader(os.Stdout)
	for _, s := range suites() {
		if o.quick && !s.quick || !o.only.MatchString(s.name) {
			continue
		}
		r, err := s.run(ctx, bench)
		if err != nil {
			return fmt.Errorf("%s: %w (logs are in %s)", s.name, err, o.work)
		}
		r.judge(known)
		if r.chance() {
			fmt.Printf("%s: again, for %s\n", s.name, strings.Join(r.broken, ", "))
			if r, err = s.run(ctx, bench); err != nil {
				return fmt.Errorf("%s: %w (logs are in %s)", s.name, err, o.work)
			}
			r.judge(known)
		}
		r.print(os.Stdout)
		failed = failed || !r.good()
	}
	if failed {
		fmt.Println("Logs are in", o.work)
		return errNotConformant
	}
	if !keep {
		return os.RemoveAll(o.work)
	}
	return nil
}

// output runs a command that is there for what it prints.
func output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return string(out), err
}
