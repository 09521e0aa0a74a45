package authz_test

import (
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/jwtctl/jwtctl/internal/authz"
	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// TestProcessWireTypes: a part with a field of another wire type is refused.
func TestProcessWireTypes(t *testing.T) {
	t.Parallel()
	headers := sub(1, headerMap([]string{":path", "/t.S/OpenClient", "content-type", "application/grpc"}))
	for name, row := range map[string]struct {
		question []byte
		passes   bool
	}{
		"unchanged":                  {sub(2, headers, number(3, 1)), true},
		"modes unchanged":            {slices.Concat(sub(2, headers), sub(11, number(1, 5), number(2, 5))), true},
		"end_of_stream as text":      {sub(2, headers, number(3, 1), text(3, "")), false},
		"header as a number":         {sub(2, sub(1, headerMap([]string{":path", "/t.S/OpenClient"}), number(1, 1))), false},
		"value as a number":          {sub(2, sub(1, headerMap([]string{":path", "/t.S/OpenClient"}), sub(1, text(1, "a"), number(2, 1)))), false},
		"request mode as text":       {slices.Concat(sub(2, headers), sub(11, number(1, 5), text(1, ""))), false},
		"response mode as text":      {slices.Concat(sub(2, headers), sub(11, number(2, 5), text(2, ""))), false},
		"eager mode as text":         {slices.Concat(sub(2, headers), sub(11, number(3, 1), text(3, ""))), false},
		"observability mode as text": {slices.Concat(sub(2, headers), text(10, "")), false},
		"attribute name as a number": {slices.Concat(sub(2, headers), sub(9, number(1, 1))), false},
		"headers as a number":        {sub(2, headers, number(1, 1)), false},
		"attributes as a number":     {sub(2, headers, number(2, 1)), false},
		"body as a number":           {sub(4, number(1, 1)), false},
		"end of a body as text":      {sub(4, text(1, ""), text(2, "")), false},
		"no message, as text":        {sub(4, text(1, ""), text(3, "")), false},
		"compressed, as text":        {sub(4, text(1, ""), text(4, "")), false},
	} {
		step, end := newBureau(t, authz.Options{}).authority.Exchange(t.Context())
		var refusal *enforce.Refusal
		if !row.passes && row.question[0] == sub(4)[0] {
			_, refusal = step(sub(2, headers))
		}
		if refusal == nil {
			_, refusal = step(row.question)
		}
		if (refusal == nil) != row.passes || refusal != nil && refusal.Fault.Code != fault.Internal {
			t.Errorf("%s: got %+v", name, refusal)
		}
		end(refusal)
	}
}

// TestProcessHeaders: claims overwrite those of the client; other headers that a server
// could read as claims are removed, as are authorization and headers about one connection;
// likewise in trailers. Envoy reads raw values; grpc-go reads plain ones, and encodes
// binary ones itself. A34, A35, S62, S78.
func TestProcessHeaders(t *testing.T) {
	t.Parallel()
	b := newBureau(t, authz.Options{})
	token := b.Token(`{"iss":"me","sub":"alice","role":"admin","name":"Grüße","empty":""}`)
	headers := []string{"authorization", "Bearer " + token, "content-length", "12", "te", "trailers", "x-own", "1", "proxy-authorization", "y"}
	for _, name := range []string{"_kalix-jwt-claim-sub", "_kalix_jwt_claim_sub", "-KALIX.jwt-claim-y", "_kalix-jwt-claim-name-bin", "x-kalix"} {
		headers = append(headers, name, "mallory", name, "root")
	}
	for name, m := range modes {
		p := newPlane(t, b.authority, m)
		p.request("/t.S/WhoClient", false, headers...)
		p.messages(4, false, nil)
		p.trailers(6, "_kalix-jwt-claim-sub", "eve", "x", "y", "Connection", "close")
		set := map[string]string{"_kalix-jwt-claim-iss": "me", "_kalix-jwt-claim-sub": "alice", "_kalix-jwt-claim-role": "admin", "_kalix-jwt-claim-name-bin": "R3LDvMOfZQ", "_kalix-jwt-claim-empty": ""}
		if name == "frameless" {
			set["_kalix-jwt-claim-name-bin"] = "Grüße"
		}
		for key, value := range set {
			if got, ok := p.up.set[key]; !ok || got != value {
				t.Errorf("%s: %s is %q, want %q", name, key, got, value)
			}
		}
		want := []string{"-kalix.jwt-claim-y", "_kalix_jwt_claim_sub", "authorization", "content-length", "proxy-authorization"}
		if p.refusal != nil || len(p.up.set) != len(set) || !slices.Equal(p.up.removed, want) {
			t.Errorf("%s: %+v, set %v, removed %q, want %q", name, p.refusal, p.up.set, p.up.removed, want)
		}
		if want = []string{"_kalix-jwt-claim-sub", "connection"}; !slices.Equal(p.up.left, want) {
			t.Errorf("%s: removed from trailers %q, want %q", name, p.up.left, want)
		}
	}
}

// TestProcessPath: exactly one path names the method, from any source. S60.
func TestProcessPath(t *testing.T) {
	t.Parallel()
	b := newBureau(t, authz.Options{})
	rows := map[string]struct {
		attribute string
		headers   []string
		status    fault.GRPC
	}{
		"header":                     {"", []string{":path", "/t.S/Open"}, 0},
		"attribute":                  {"/t.S/Open", nil, 0},
		"both":                       {"/t.S/Open", []string{":path", "/t.S/Open"}, 0},
		"with a query":               {"", []string{":path", "/t.S/Open?x=y"}, 0},
		"two that differ":            {"/t.S/Who", []string{":path", "/t.S/Open"}, fault.GRPCFailedPrecond},
		"two headers":                {"", []string{":path", "/t.S/Open", ":path", "/t.S/Who"}, fault.GRPCFailedPrecond},
		"none":                       {"", nil, fault.GRPCFailedPrecond},
		"wrong case":                 {"", []string{":path", "/t.S/open"}, fault.GRPCUnimplemented},
		"extra slash":                {"", []string{":path", "//t.S/Open"}, fault.GRPCUnimplemented},
		"no leading slash":           {"", []string{":path", "t.S/Open"}, fault.GRPCUnimplemented},
		"metadata of another filter": {"", []string{"path", "/t.S/Open"}, fault.GRPCFailedPrecond},
	}
	for name, row := range rows {
		p := newPlane(t, b.authority, mode{frameless, frameless, false})
		p.path = row.attribute
		p.headers(2, false, row.headers...)
		p.messages(4, true, nil)
		if got := p.refusal; (got == nil) != (row.status == 0) || got != nil && got.Status != row.status {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

// TestProcessExpiry: a bearer token is accepted until its exp, for later messages of a
// stream as for the first, however late; so is the token of a single request that waits
// for the end. S63, S88.
func TestProcessExpiry(t *testing.T) {
	t.Parallel()
	for name, m := range modes {
		if m.request == buffered {
			continue
		}
		b := newBureau(t, authz.Options{})
		p := newPlane(t, b.authority, m)
		p.request("/t.S/WhoClient", false, "authorization", "Bearer "+b.Token(policytest.GoodClaims))
		p.messages(4, false, nil)
		if p.refusal != nil || len(p.up.delivered()) != 1 {
			t.Errorf("%s: got %+v", name, p.refusal)
		}
		b.now = b.now.Add(2 * time.Hour)
		if p.messages(4, false, nil); p.refusal == nil || p.refusal.Fault.Code != fault.TokenExpired || p.refusal.Text != "Bearer token is not valid" || len(p.up.delivered()) != 1 {
			t.Errorf("%s, after exp: %+v", name, p.refusal)
		}
		b = newBureau(t, authz.Options{})
		p = newPlane(t, b.authority, m)
		p.request("/t.S/Check", false)
		p.messages(4, false, wireOf(t, b.World, "t.Signed", `{"user":"bob","tok":"`+b.Token(`{"iss":"maker","role":"r","user":"bob","n":7,"exp":1769864400}`)+`"}`))
		if p.refusal != nil {
			t.Errorf("%s: got %+v", name, p.refusal)
		}
		b.now = b.now.Add(2 * time.Hour)
		if p.messages(4, true); p.refusal == nil || p.refusal.Fault.Code != fault.TokenExpired || p.up.arrived {
			t.Errorf("%s, before the end: %+v", name, p.refusal)
		}
	}
}

// TestProcessReportOnly: what would be refused passes unchanged, and is reported once.
func TestProcessReportOnly(t *testing.T) {
	t.Parallel()
	for name, m := range modes {
		b := newBureau(t, authz.Options{ReportOnly: true})
		for _, c := range b.CallCases() {
			p := b.call(t, m, c)
			if p.refusal != nil || len(p.up.delivered()) != len(c.Requests) || len(p.down.delivered()) != 1 {
				t.Errorf("%s: %s, %s: %+v, %d requests, want %d",
					name, c.Method, c.Name, p.refusal, len(p.up.delivered()), len(c.Requests))
			}
			reported := b.seen.would
			if b.seen.would = nil; len(reported) != truth(c.Status != 0) || c.Status != 0 && reported[0] != c.Code {
				t.Errorf("%s: %s, %s: reported %v", name, c.Method, c.Name, reported)
			}
		}
	}
}

// TestProcessOverride: bodies that are not needed are not requested, if possible.
func TestProcessOverride(t *testing.T) {
	t.Parallel()
	b := newBureau(t, authz.Options{})
	for name, row := range map[string]struct {
		mode   mode
		method string
		asks   bool
	}{
		"buffered":         {mode{buffered, buffered, false}, "Open", true},
		"streamed":         {mode{streamed, streamed, false}, "Open", true},
		"eager":            {mode{streamed, streamed, true}, "Open", false},
		"duplex":           {mode{duplex, duplex, false}, "Open", false},
		"duplex responses": {mode{buffered, duplex, false}, "Open", false},
		"none":             {mode{}, "Open", false},
		"checked":          {mode{buffered, buffered, false}, "Check", false},
		"signed":           {mode{buffered, buffered, false}, "Sign", false},
	} {
		p := newPlane(t, b.authority, row.mode)
		p.request("/t.S/"+row.method, false)
		if p.refusal != nil || (p.override != nil) != row.asks {
			t.Errorf("%s: %+v, override %x", name, p.refusal, p.override)
		}
		if row.asks { // responses and trailers are skipped; the modes of bodies are absent, which means NONE
			fields := p.fields(p.override)
			for _, n := range []protowire.Number{2, 5, 6} {
				if v, _ := protowire.ConsumeVarint(fields[n][0]); v != 2 {
					t.Errorf("%s: field %d is %d, want 2", name, n, v)
				}
			}
			if len(fields) != 3 {
				t.Errorf("%s: got %v", name, fields)
			}
		}
	}
}

// TestProcessWindows: everything consumed of a window is returned, but nothing before the
// response to the headers, which grpc-go expects first.
func TestProcessWindows(t *testing.T) {
	t.Parallel()
	b := newBureau(t, authz.Options{})
	good := wireOf(t, b.World, "t.Signed", b.signed())
	p := newPlane(t, b.authority, modes["frameless"])
	p.request("/t.S/Check", false)
	if p.messages(4, false, good); p.windows != 0 {
		t.Errorf("%d bytes before the headers, want 0", p.windows)
	}
	if p.messages(4, true); p.windows != len(good) {
		t.Errorf("%d bytes of %d", p.windows, len(good))
	}
	p.headers(3, false)
	answer := wireOf(t, b.World, "t.Plain", `{"text":"x"}`)
	if p.messages(5, false, answer); p.windows != len(good)+len(answer) {
		t.Errorf("%d bytes of %d", p.windows, len(good)+len(answer))
	}
}

// TestProcessOverGRPC: over the network, a refused call gets one response and the stream
// ends with an error; an accepted call ends without one when the data plane ends it.
func TestProcessOverGRPC(t *testing.T) {
	t.Parallel()
	d := newDesk(t, policytest.CallSource, authz.Options{})
	process := func(path string) (answers []map[protowire.Number][][]byte, ended error) {
		t.Helper()
		stream, err := d.conn.NewStream(context.Background(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/"+authz.ProcessService+"/Process")
		if err != nil {
			t.Fatal(err)
		}
		in := &emptypb.Empty{} // the message is in its unknown fields
		in.ProtoReflect().SetUnknown(sub(2, sub(1, headerMap([]string{":path", path, "content-type", "application/grpc+proto"}))))
		if err := stream.SendMsg(in); err != nil {
			t.Fatal(err)
		}
		_ = stream.CloseSend()
		for {
			out := &emptypb.Empty{}
			if err := stream.RecvMsg(out); err != nil {
				return answers, err
			}
			wire, _ := proto.Marshal(out)
			answers = append(answers, parse(t, wire))
		}
	}
	if answers, err := process("/t.S/Open"); err != io.EOF || len(answers) != 1 || answers[0][1] == nil {
		t.Errorf("open method: %v, %v", answers, err)
	}
	answers, err := process("/t.S/Who")
	if status.Code(err) != codes.Aborted || len(answers) != 1 {
		t.Fatalf("protected method: %v, %v", answers, err)
	}
	refused := parse(t, answers[0][7][0])
	code, _ := protowire.ConsumeVarint(parse(t, refused[4][0])[1][0])
	httpStatus, _ := protowire.ConsumeVarint(parse(t, refused[1][0])[1][0])
	if string(refused[3][0]) != "Bearer token expected" || code != 16 || httpStatus != 200 || string(refused[5][0]) != "jwtctl_token_missing" {
		t.Errorf("got %q", refused)
	}
	r := reply{set: map[string]string{}}
	for _, option := range parse(t, refused[2][0])[1] {
		header := parse(t, parse(t, option)[1][0])
		r.set[string(header[1][0])] = string(header[3][0])
	}
	if r.set["content-type"] != "application/grpc+proto" {
		t.Errorf("headers %v", r.set)
	}
	for _, call := range d.seen.decided {
		if (call.Status == 0) != (call.Method == "t.S/Open") {
			t.Errorf("observed %+v", call)
		}
	}
	if d.seen.open != 0 || len(d.seen.decided) != 2 {
		t.Errorf("%d calls are open, %d ended, want 0, 2", d.seen.open, len(d.seen.decided))
	}
}
