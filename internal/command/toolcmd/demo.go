package toolcmd

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/system"
)

const demoText = `Run a tour of the commands in a temporary directory that is removed afterwards:
make a key and serve it, mint a token, verify it with the served set, rotate the
key; sign a message, verify it, see it refused after tampering, and lint
annotations that form a cycle. Each step is a jwtctl command, shown and run as
you would run it.`

// demoFiles are the files for the tour of messages.
//
//go:embed demo
var demoFiles embed.FS

// Run runs the command given by args on sys.
type Run func(ctx context.Context, sys system.System, args []string) error

// Demo returns the command, which runs other commands.
func Demo(d command.Deps, run Run) *cobra.Command {
	return &cobra.Command{
		Use:         "demo",
		Short:       "Run a tour of the commands in a temporary directory",
		Long:        demoText,
		Args:        command.NoArguments,
		Annotations: map[string]string{settings.IgnoresConfig: "yes"},
		RunE:        func(cmd *cobra.Command, _ []string) error { return runDemo(cmd.Context(), d, run) },
	}
}

// demo is one run of the tour.
type demo struct {
	command.Deps
	jwtctl Run
	ctx    context.Context
	folder string
}

func runDemo(ctx context.Context, deps command.Deps, run Run) (err error) {
	deps.Stay()
	if deps.System.KeepPipes != nil {
		deps.System.KeepPipes() // demo | head must not leave files behind either
	}
	folder, err := os.MkdirTemp("", "jwtctl-demo-")
	if err != nil {
		return fault.New(fault.FileFailed, "temporary directory", "%w", err).WithHint("set TMPDIR to use another place")
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	d := &demo{Deps: deps, jwtctl: run, ctx: ctx, folder: folder}
	if err := d.write(config.Name, nil); err != nil { // so that the user's configuration is not used
		return err
	}
	for _, tour := range []func() error{d.temporalTour, d.messageTour} {
		if err := tour(); err != nil {
			return err
		}
	}
	return d.Print("\n%s\n", d.OutStyles().Good("All steps worked. The temporary directory has been removed."))
}

// temporalTour generates, serves, mints, checks and rotates.
func (d *demo) temporalTour() error {
	key, url, token, dir := d.path("key.priv.pem"), d.path("endpoint.txt"), d.path("token.jwt"), d.path("keys")
	d.title("A key, served where a Temporal server finds it")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fault.New(fault.FileFailed, dir, "%w", err)
	}
	stop, err := d.serve(url, "gen-and-serve", "--key", key, "--key-dir", dir, "--listen", "127.0.0.1:0", "--url-file", url, "--reload-interval", "50ms")
	if err != nil {
		return err
	}
	defer stop()
	endpoint, err := os.ReadFile(url)
	if err != nil {
		return fault.New(fault.FileFailed, url, "%w", err)
	}
	set := strings.TrimSpace(string(endpoint))

	d.title("A token for an administrator, checked against the served set")
	if err := d.run("token", "--system", "--key", key, "--format", "token", "--out", token); err != nil {
		return err
	}
	if err := d.run("inspect", "--jwks", set, "@"+token); err != nil {
		return err
	}
	d.title("A rotation: the new key is published before it signs")
	next := filepath.Join(dir, "next.pem")
	if err := d.run("keygen", "-o", next); err != nil {
		return err
	}
	if err := d.run("token", "--system", "--key", next, "--format", "token", "--out", token); err != nil {
		return err
	}
	if err := d.retry(func() error { return d.runQuiet("inspect", "--jwks", set, "@"+token) }); err != nil {
		return err
	}
	return d.run("inspect", "--jwks", set, "@"+token)
}

// messageTour explains, signs, verifies, tampers with a message, and lints.
func (d *demo) messageTour() error {
	for _, name := range []string{"shop.proto", "endless.proto", "order.json"} {
		data, err := demoFiles.ReadFile("demo/" + name)
		if err != nil {
			return fault.New(fault.Internal, name, "%w", err)
		}
		if err := d.write(name, data); err != nil {
			return err
		}
	}
	order, signed, tampered, proto := d.path("order.json"), d.path("signed.json"), d.path("tampered.json"), d.path("shop.proto")
	common := []string{"--type", "shop.Order", "--proto", proto, "--key", d.path("key.priv.pem")}
	d.title("A message, and the token that its annotations require")
	if err := d.run("explain", "--proto", proto, "shop.Order"); err != nil {
		return err
	}
	if err := d.run(append([]string{"sign", order, "-o", signed}, common...)...); err != nil {
		return err
	}
	if err := d.run(append([]string{"verify", signed}, common...)...); err != nil {
		return err
	}
	d.title("The same message, tampered with")
	data, err := os.ReadFile(signed)
	if err != nil {
		return fault.New(fault.FileFailed, signed, "%w", err)
	}
	if err := d.write("tampered.json", bytes.Replace(data, []byte("alice"), []byte("mallory"), 1)); err != nil {
		return err
	}
	if err := d.runRefused(append([]string{"verify", tampered}, common...)...); err != nil {
		return err
	}
	d.title("Annotations that form a cycle")
	return d.runRefused("lint", d.path("endless.proto"))
}

// write writes a file into the tour's folder.
func (d *demo) write(name string, data []byte) error {
	return (files.Writer{}).Write(d.path(name), data, 0o600, true)
}

// runRefused is run for a command that must answer no.
func (d *demo) runRefused(args ...string) error {
	err := d.run(args...)
	if fault.ClassOf(err) != fault.Refused {
		return errors.Join(err, fault.New(fault.Internal, "demo", "%s should have been refused", args[0]))
	}
	return d.Print("%s\n", d.OutStyles().Dim("exit code 1"))
}

func (d *demo) path(name string) string { return filepath.Join(d.folder, name) }

func (d *demo) title(text string) {
	_ = d.Print("\n%s\n", d.OutStyles().Bold("# "+text))
}

// commandLine returns args as a person would type them.
func (d *demo) commandLine(args []string) string {
	return strings.ReplaceAll(strings.Join(args, " "), d.folder+string(filepath.Separator), "")
}

// run prints a command, runs it, and prints its output.
func (d *demo) run(args ...string) error {
	_ = d.Print("%s jwtctl %s\n", d.OutStyles().Dim("$"), d.commandLine(args))
	return d.execute(d.ctx, relativePaths{d.Out, d.folder + string(filepath.Separator)}, args)
}

// relativePaths shortens paths to what they are in the folder itself.
type relativePaths struct {
	io.Writer
	folder string
}

func (n relativePaths) Write(p []byte) (int, error) {
	_, err := n.Writer.Write(bytes.ReplaceAll(p, []byte(n.folder), nil))
	return len(p), err
}

// runQuiet runs a command without printing.
func (d *demo) runQuiet(args ...string) error { return d.execute(d.ctx, io.Discard, args) }

func (d *demo) execute(ctx context.Context, out io.Writer, args []string) error {
	sys := d.System
	sys.Out, sys.Err = out, io.Discard
	sys.Getenv = func(name string) (string, bool) {
		if strings.HasPrefix(name, "JWTCTL_") {
			return "", false
		}
		return d.System.Getenv(name)
	}
	return d.jwtctl(ctx, sys, append([]string{args[0], "--config", d.path(config.Name)}, args[1:]...))
}

// serve prints and starts a server, and returns when it responds. stop ends it.
func (d *demo) serve(url string, args ...string) (stop func(), err error) {
	_ = d.Print("%s jwtctl %s\n", d.OutStyles().Dim("$"), d.commandLine(args))
	ctx, cancel := context.WithCancel(d.ctx)
	ended := make(chan error, 1)
	go func() { ended <- d.execute(ctx, d.Out, args) }()
	stop = func() {
		cancel()
		<-ended
	}
	err = d.retry(func() error {
		select {
		case err := <-ended:
			ended <- err
			return serverStopped{err}
		default:
		}
		_, err := os.Stat(url)
		return err
	})
	if err != nil {
		stop()
	}
	return stop, err
}

// serverStopped is returned if the server ended before it responded.
type serverStopped struct{ error }

// retry retries until there is no error, for ten seconds.
func (d *demo) retry(ask func() error) error {
	for range 200 {
		err := ask()
		if s, ended := err.(serverStopped); ended {
			return s.error
		}
		if err == nil {
			return nil
		}
		select {
		case <-d.ctx.Done():
			return fault.New(fault.Interrupted, "demo", "interrupted")
		case <-time.After(50 * time.Millisecond):
		}
	}
	return ask()
}
