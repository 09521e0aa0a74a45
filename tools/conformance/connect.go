package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// connectSuite is connectrpc.com/conformance for one program.
type connectSuite struct {
	name    string
	quick   bool
	mode    string // server or client: what program is
	program string
	config  config
	guarded bool // by policy/connect.proto
	web     bool // the client calls the address of --web

	inProcess bool // under the interceptors of grpcauth, not through the proxy
}

func (c connectSuite) suite() suite { return suite{name: c.name, quick: c.quick, run: c.run} }

func (c connectSuite) run(ctx context.Context, b *bench) (*result, error) {
	policy := []string{"--proto-path", b.protos, "--proto", filepath.Join(b.protos, "connectrpc", "conformance", "v1", "service.proto")}
	if c.guarded {
		policy = []string{"--proto", b.guards("connect.proto")}
	}
	s, err := b.setup(c.name, policy...)
	if err != nil {
		return nil, err
	}
	if c.guarded {
		if s.Token, err = b.token(ctx); err != nil {
			return nil, err
		}
		s.Message = s.Token
	}
	s.PlainUpstream, s.Web = !c.config.tls, c.web
	if c.inProcess {
		s.JWTCTL = b.self
	}
	setupFile := filepath.Join(s.Work, "setup.json")
	if err := errors.Join(s.write(setupFile), c.config.write(filepath.Join(s.Work, "config.yaml"))); err != nil {
		return nil, err
	}
	r := &result{suite: c.name}
	if r.direct, err = c.runner(ctx, b, s.Work, "direct", b.program(c.program)); err != nil {
		return nil, err
	}
	r.through, err = c.runner(ctx, b, s.Work, "through", b.self, c.mode, setupFile, b.program(c.program))
	return r, err
}

// runner runs the suite with command for the program that it tests.
func (c connectSuite) runner(ctx context.Context, b *bench, dir, label string, command ...string) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	args := []string{"--conf", filepath.Join(dir, "config.yaml"), "--mode", c.mode, "--"}
	cmd := exec.CommandContext(ctx, b.program("connectconformance"), append(args, command...)...)
	var stdout bytes.Buffer
	log, err := os.Create(filepath.Join(dir, label+".stderr"))
	if err != nil {
		return outcome{}, err
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = &stdout, log
	err = cmd.Run()
	if exit := new(exec.ExitError); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		return outcome{}, err // 1 is that cases failed
	}
	if err := os.WriteFile(filepath.Join(dir, label+".stdout"), stdout.Bytes(), 0o600); err != nil {
		return outcome{}, err
	}
	return parseReport(stdout.String())
}

var (
	failedCase = regexp.MustCompile(`(?m)^FAILED: (.*):\n((?:\t.*\n)*)`)
	totalCases = regexp.MustCompile(`(?m)^Total cases: (\d+)\n(\d+) passed, (\d+) failed`)
	notRun     = regexp.MustCompile(`(?m)^Another (\d+) could not be run`)
)

// parseReport reads what connectconformance printed. It is an error if its
// numbers are not those of the cases that it names.
func parseReport(text string) (outcome, error) {
	o := outcome{failed: map[string]string{}}
	for _, found := range failedCase.FindAllStringSubmatch(text, -1) {
		o.failed[found[1]] = strings.TrimRight(found[2], "\n")
	}
	total := totalCases.FindStringSubmatch(text)
	if total == nil {
		return o, errors.New("connectconformance printed no totals")
	}
	if missing := notRun.FindStringSubmatch(text); missing != nil {
		return o, fmt.Errorf("%s cases did not run", missing[1])
	}
	var passed, failed int
	for i, n := range []*int{&o.total, &passed, &failed} {
		var err error
		if *n, err = strconv.Atoi(total[i+1]); err != nil {
			return o, err
		}
	}
	if passed+failed != o.total || failed != len(o.failed) {
		return o, fmt.Errorf("connectconformance counts %d passed and %d failed of %d, and names %d that failed", passed, failed, o.total, len(o.failed))
	}
	return o, nil
}
