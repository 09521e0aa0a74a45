package authz_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/jwtctl/jwtctl/internal/authz"
	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/metrics"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// desk is an Authority called through each protocol.
type desk struct {
	*policytest.World
	authority *authz.Authority
	conn      *grpc.ClientConn
	seen      *seen
}

// seen is an Observer.
type seen struct {
	mu      sync.Mutex
	open    int
	decided []metrics.Call
	would   []fault.Code
}

func (s *seen) Begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
}

func (s *seen) End(c metrics.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	s.decided = append(s.decided, c)
}

func (s *seen) WouldRefuse(_ string, reason fault.Code) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.would = append(s.would, reason)
}

func newDesk(t *testing.T, source string, o authz.Options) *desk {
	t.Helper()
	now := func() time.Time { return policytest.Now }
	d := &desk{World: policytest.New(t, source, policytest.Setup{Verify: verify.Options{Now: now}}), seen: &seen{}}
	o.Log, o.Now, o.Observer = slog.New(slog.DiscardHandler), now, d.seen
	var err error
	if d.authority, err = authz.New(enforce.Policy{Plan: d.Plan, Verifier: d.Verifier, Signer: d.Signer}, o); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := authz.NewServer(d.authority, nil)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	if d.conn, err = grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.conn.Close()
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return d
}

// reply is the response to a proxy.
type reply struct {
	passes       bool
	status       int // over HTTP
	grpc, text   string
	set, removed map[string]string
	contentType  string
	challenge    string
}

func text(number protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), s)
}

func sub(number protowire.Number, parts ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), slices.Concat(parts...))
}

// question returns a CheckRequest with a map of headers, or with a list of raw values.
func question(path string, headers []string, raw bool) []byte {
	var http [][]byte
	http = append(http, text(2, "POST"), text(4, path), text(10, "HTTP/2"))
	joined := map[string]string{}
	var list [][]byte
	for i := 0; i+1 < len(headers); i += 2 {
		name, value := headers[i], headers[i+1]
		list = append(list, sub(1, text(1, name), text(3, value)))
		if before, ok := joined[name]; ok {
			value = before + "," + value
		}
		joined[name] = value
	}
	if raw {
		http = append(http, sub(13, list...))
	} else {
		for name, value := range joined {
			http = append(http, sub(3, text(1, name), text(2, value)))
		}
	}
	return sub(1, sub(4, sub(2, http...)))
}

// envoy sends a CheckRequest as Envoy does.
func (d *desk) envoy(t *testing.T, path string, headers []string, raw bool) reply {
	t.Helper()
	in, out := &emptypb.Empty{}, &emptypb.Empty{} // the message is in their unknown fields
	in.ProtoReflect().SetUnknown(question(path, headers, raw))
	if err := d.conn.Invoke(context.Background(), "/"+authz.CheckService+"/Check", in, out); err != nil {
		t.Fatal(err)
	}
	wire, err := proto.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	answer := parse(t, wire)
	r := reply{set: map[string]string{}, removed: map[string]string{}}
	if ok := answer[3]; len(ok) > 0 {
		r.passes = true
		for _, option := range parse(t, ok[0])[2] {
			r.option(t, option)
		}
		for _, name := range parse(t, ok[0])[5] {
			r.removed[string(name)] = ""
		}
		return r
	}
	denied := parse(t, answer[2][0])
	status, _ := protowire.ConsumeVarint(parse(t, denied[1][0])[1][0])
	r.status = int(status)
	for _, option := range denied[2] {
		r.option(t, option)
	}
	r.grpc, r.text, r.contentType, r.challenge = r.set["grpc-status"], r.set["grpc-message"], r.set["content-type"], r.set["www-authenticate"]
	return r
}

// option parses a HeaderValueOption, which must overwrite.
func (r *reply) option(t *testing.T, wire []byte) {
	t.Helper()
	fields := parse(t, wire)
	header := parse(t, fields[1][0])
	r.set[string(header[1][0])] = string(slices.Concat(header[2]...))
	if action, _ := protowire.ConsumeVarint(slices.Concat(fields[3]...)); action != 2 {
		t.Errorf("%s has append_action %d, want 2", header[1][0], action)
	}
	if keep, _ := protowire.ConsumeVarint(slices.Concat(fields[4]...)); keep != 1 {
		t.Errorf("%s is omitted if it is empty, so the client's value is kept", header[1][0])
	}
}

// parse returns the fields of a message, including the encoded bytes of varints.
func parse(t *testing.T, wire []byte) map[protowire.Number][][]byte {
	t.Helper()
	all := map[protowire.Number][][]byte{}
	for len(wire) > 0 {
		number, kind, n := protowire.ConsumeTag(wire)
		size := protowire.ConsumeFieldValue(number, kind, wire[max(n, 0):])
		if n < 0 || size < 0 {
			t.Fatalf("not a message: %x", wire)
		}
		value := wire[n : n+size]
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(value)
		}
		all[number] = append(all[number], value)
		wire = wire[n+size:]
	}
	return all
}

// forward sends a request as nginx does.
func (d *desk) forward(path string, headers []string) reply {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("X-Original-URI", path)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.authority.Forward("").ServeHTTP(w, r)
	got := reply{passes: w.Code == http.StatusOK, status: w.Code, set: map[string]string{}, challenge: w.Header().Get("WWW-Authenticate")}
	for name, values := range w.Header() {
		if enforce.IsClaim(name) {
			got.set[name] = strings.Join(values, "|")
		}
	}
	got.grpc, got.text = w.Header().Get("Grpc-Status"), w.Header().Get("Grpc-Message")
	return got
}

// bearerOnly reports whether a case of policytest depends only on headers.
func bearerOnly(c policytest.CallCase) bool {
	for _, prefix := range []string{"Who", "who", "Open", "Nope", "Bearer"} {
		if strings.HasPrefix(c.Method, prefix) {
			return true
		}
	}
	return false
}
