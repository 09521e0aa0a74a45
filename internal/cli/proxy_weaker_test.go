package cli

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestProxyRefusesReloadWithoutService: the policy is kept while a file is empty for a
// moment, as when an editor writes it. S79.
func TestProxyRefusesReloadWithoutService(t *testing.T) {
	t.Parallel()
	dir, sign, args := world(t)
	r := startProxy(t, dir, startEcho(t).addr, args...)
	proto := filepath.Join(dir, "proto", "s.proto")
	for _, text := range []string{"", `syntax = "proto3";`} {
		before := strings.Count(r.err.String(), "policy reloaded")
		testkit.File(t, proto, text)
		r.eventuallyLogs("the new version has no services")
		r.want("S/Who", "", codes.Unauthenticated)
		r.want("S/Who", sign(ofMe), codes.OK)
		testkit.File(t, proto, guarded("S", "me"))
		r.eventually("the reload", func() bool { return strings.Count(r.err.String(), "policy reloaded") > before })
	}
}

// TestProxyWarnsOfWeakerPolicy: each change that lets more through is logged as jwtctl
// diff describes it, and other changes are not. S79.
func TestProxyWarnsOfWeakerPolicy(t *testing.T) {
	t.Parallel()
	dir, _, args := world(t)
	r := startProxy(t, dir, startEcho(t).addr, args...)
	proto := filepath.Join(dir, "proto", "s.proto")
	testkit.File(t, proto, guarded("S", "me")+"\nmessage More {}\n")
	r.eventuallyLogs("policy reloaded")
	if strings.Contains(r.err.String(), "weaker") {
		t.Fatalf("a change without effect is reported as weaker\n%s", r.err.String())
	}
	open := strings.Replace(guarded("S", "me"), "validate: BEARER_TOKEN, bearer_token_issuer: \"me\"", "", 1)
	testkit.File(t, proto, open)
	r.eventuallyIs("S/Who", "", codes.OK)
	r.eventuallyLogs("no method has JWT annotations")
	log := r.err.String()
	for _, want := range []string{"level=WARN", "the policy became weaker", "subject=t.S/Who", "gain="} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q\n%s", want, log)
		}
	}
	testkit.File(t, proto, guarded("S", "me"))
	r.eventuallyIs("S/Who", "", codes.Unauthenticated)
	if got := strings.Count(r.err.String(), "the policy became weaker"); got != strings.Count(log, "the policy became weaker") {
		t.Errorf("a stronger policy is reported as weaker\n%s", r.err.String())
	}
}

// TestProxyRefusesWeakerPolicy: with --refuse-weaker the policy in force is kept, and a
// stronger one is accepted. S79.
func TestProxyRefusesWeakerPolicy(t *testing.T) {
	t.Parallel()
	dir, sign, args := world(t)
	r := startProxy(t, dir, startEcho(t).addr, append(args, "--refuse-weaker")...)
	proto := filepath.Join(dir, "proto", "s.proto")
	testkit.File(t, proto, strings.Replace(guarded("S", "me"), `, bearer_token_issuer: "me"`, "", 1))
	r.eventuallyLogs("policy_faulty")
	r.want("S/Who", sign(strings.Replace(ofMe, "me", "you", 1)), codes.Unauthenticated)
	r.want("S/Who", sign(ofMe), codes.OK)
	testkit.File(t, proto, strings.Replace(guarded("S", "me"), "rpc Open(PlainS) returns (PlainS);", `rpc Open(PlainS) returns (PlainS) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; }`, 1))
	r.eventuallyIs("S/Open", "", codes.Unauthenticated)
}

// TestProxyRemembersWhatWasRemoved: with --refuse-weaker, opening a guarded service that
// an earlier reload had removed is refused, and restoring it unchanged, open method
// included, is accepted. S79.
func TestProxyRemembersWhatWasRemoved(t *testing.T) {
	t.Parallel()
	dir, sign, args := world(t)
	proto, other := filepath.Join(dir, "proto", "s.proto"), filepath.Join(dir, "proto", "other.proto")
	before := guarded("S", "me")
	testkit.File(t, other, guarded("Other", "me"))
	r := startProxy(t, dir, startEcho(t).addr, append(args, "--refuse-weaker")...)
	r.want("S/Who", sign(ofMe), codes.OK)
	testkit.File(t, proto, `syntax = "proto3";`)
	r.eventuallyIs("S/Who", sign(ofMe), codes.Unimplemented)
	testkit.File(t, proto, strings.Replace(before, "validate: BEARER_TOKEN, bearer_token_issuer: \"me\"", "", 1))
	r.eventuallyLogs("compared with a policy that was in force earlier; anyone")
	r.want("S/Who", "", codes.Unimplemented)
	testkit.File(t, proto, before)
	r.eventuallyIs("S/Who", sign(ofMe), codes.OK)
	r.want("S/Who", "", codes.Unauthenticated)
}

// TestProxyWithoutAnnotationsNeedsNoKey: the proxy starts without keys in front of a
// service without annotations, logs that it enforces nothing, and refuses to reload a
// policy that needs keys. S79.
func TestProxyWithoutAnnotationsNeedsNoKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	proto := testkit.File(t, filepath.Join(dir, "proto", "s.proto"), `syntax = "proto3"; package t; message Plain { string text = 1; } service S { rpc Open(Plain) returns (Plain); }`)
	r := startProxy(t, dir, startEcho(t).addr, "--proto", filepath.Join(dir, "proto"))
	r.want("S/Open", "", codes.OK)
	r.want("S/Who", "", codes.Unimplemented)
	r.eventuallyLogs("no method has JWT annotations")
	testkit.File(t, proto, guarded("S", "me"))
	r.eventuallyLogs("key.priv.pem")
	r.want("S/Who", "", codes.Unimplemented)
}

// TestProxyWithoutServiceWarns: the proxy starts with descriptors that only have messages,
// and uses a service once there is one. S79.
func TestProxyWithoutServiceWarns(t *testing.T) {
	t.Parallel()
	dir, sign, args := world(t)
	proto := testkit.File(t, filepath.Join(dir, "proto", "s.proto"), `syntax = "proto3"; package t; message Plain {}`)
	r := startProxy(t, dir, startEcho(t).addr, args...)
	r.eventuallyLogs("the descriptors have no service")
	r.want("S/Who", sign(ofMe), codes.Unimplemented)
	testkit.File(t, proto, guarded("S", "me"))
	r.eventuallyIs("S/Who", sign(ofMe), codes.OK)
}

// TestProxyReportOnlyIsAFlagAlone: with the flag no call is refused, and stderr and a
// metric report this; it cannot be set by a variable or file (like S55).
func TestProxyReportOnlyIsAFlagAlone(t *testing.T) {
	t.Parallel()
	dir, _, args := world(t)
	r := startProxy(t, dir, startEcho(t).addr, append(args, "--report-only")...)
	r.want("S/Who", "", codes.OK)
	r.eventuallyLogs("call would be refused")
	if !strings.Contains(r.err.String(), "WARNING: --report-only refuses nothing") {
		t.Errorf("no warning\n%s", r.err.String())
	}
	other, _, args := world(t)
	plain := startProxyIn(t, map[string]string{"JWTCTL_REPORT_ONLY": "true", "JWTCTL_PROXY_REPORT_ONLY": "true"}, other, startEcho(t).addr, args...)
	plain.want("S/Who", "", codes.Unauthenticated)
	config := testkit.File(t, filepath.Join(other, "jwtctl.yaml"), "protos: [proto]\nproxy: {report_only: true}\n")
	newFake(t).run(t, 2, "proxy", "--upstream", "127.0.0.1:1", "--config", config)
}

// TestProxyLimitsAreFlags: messages, metadata and streams are limited by the flags, or by
// jwtctl.yaml. S66.
func TestProxyLimitsAreFlags(t *testing.T) {
	t.Parallel()
	dir, _, _ := world(t)
	config := testkit.File(t, filepath.Join(dir, "jwtctl.yaml"), "protos: [proto]\nkeys: [{id: k, file: key.jwk}]\nproxy: {max_message: 1KiB, max_metadata: 2KiB, max_streams: 7}\n")
	r := startProxy(t, dir, startEcho(t).addr, "--config", config)
	send := func(message, metadataBytes int) codes.Code {
		ctx, cancel := context.WithTimeout(context.Background(), testkit.Timeout)
		defer cancel()
		ctx = metadata.AppendToOutgoingContext(ctx, "x", strings.Repeat("x", metadataBytes))
		var out wrapperspb.StringValue
		return status.Code(r.conn.Invoke(ctx, "/t.S/Open", wrapperspb.String(strings.Repeat("x", message)), &out))
	}
	for name, c := range map[string]struct {
		message, metadata int
		want              codes.Code
	}{
		"within": {1000, 1000, codes.OK}, "message": {1025, 0, codes.ResourceExhausted}, "metadata": {0, 2048, codes.ResourceExhausted},
	} {
		if got := send(c.message, c.metadata); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	testkit.File(t, filepath.Join(dir, "bad.yaml"), "proxy: {max_message: 1MB}\n")
	for _, flags := range [][]string{{"--config", filepath.Join(dir, "bad.yaml")}, {"--max-streams", "0"}, {"--max-message", "0"}, {"--max-message", "1MB"}, {"--max-metadata", "100"}} {
		newFake(t).run(t, 2, append([]string{"proxy", "--upstream", "127.0.0.1:1", "--config", config}, flags...)...)
	}
}
