package e2e

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protowire"
)

// wire is an encoded message, so that no Go code has to be generated.
type wire struct{ bytes []byte }

type wireCodec struct{}

func (wireCodec) Name() string                  { return "proto" }
func (wireCodec) Marshal(m any) ([]byte, error) { return m.(*wire).bytes, nil }
func (wireCodec) Unmarshal(data []byte, m any) error {
	m.(*wire).bytes = bytes.Clone(data)
	return nil
}

// text returns a message whose field 1 is value.
func text(value string) *wire {
	return &wire{protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), value)}
}

// field returns the first field of that number, which is a string.
func (w *wire) field(number protowire.Number) string {
	for rest := w.bytes; len(rest) > 0; {
		n, kind, size := protowire.ConsumeTag(rest)
		rest = rest[size:]
		if n == number && kind == protowire.BytesType {
			value, _ := protowire.ConsumeString(rest)
			return value
		}
		rest = rest[protowire.ConsumeFieldValue(n, kind, rest):]
	}
	return ""
}

// connectGo is a client by connect-go, which sends content-length (S78).
type connectGo struct {
	t       *testing.T
	http    *http.Client
	addr    string
	options []connect.ClientOption
}

func newConnectGo(t *testing.T, addr string, options ...connect.ClientOption) *connectGo {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return &connectGo{t, &http.Client{Transport: transport}, addr, append(options, connect.WithGRPC(), connect.WithCodec(wireCodec{}))}
}

func (c *connectGo) method(name string) *connect.Client[wire, wire] {
	return connect.NewClient[wire, wire](c.http, "http://"+c.addr+"/com.example.JwtService/"+name, c.options...)
}

func (c *connectGo) unary(name, token string, m *wire) *wire {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request := connect.NewRequest(m)
	request.Header().Set("Authorization", "Bearer "+token)
	answer, err := c.method(name).CallUnary(ctx, request)
	if err != nil {
		c.t.Fatalf("%s: %v", name, err)
	}
	return answer.Msg
}

func (c *connectGo) serverStream(name, token string, m *wire) (answers []*wire) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request := connect.NewRequest(m)
	request.Header().Set("Authorization", "Bearer "+token)
	stream, err := c.method(name).CallServerStream(ctx, request)
	if err != nil {
		c.t.Fatalf("%s: %v", name, err)
	}
	defer func() { _ = stream.Close() }()
	for stream.Receive() {
		answers = append(answers, &wire{stream.Msg().bytes})
	}
	if err := stream.Err(); err != nil {
		c.t.Fatalf("%s: %v", name, err)
	}
	return answers
}

func (c *connectGo) bidi(name, token string, list []*wire) (answers []*wire) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream := c.method(name).CallBidiStream(ctx)
	stream.RequestHeader().Set("Authorization", "Bearer "+token)
	for _, m := range list {
		if err := stream.Send(m); err != nil {
			c.t.Fatalf("%s: %v", name, err)
		}
		answer, err := stream.Receive()
		if err != nil {
			c.t.Fatalf("%s: %v", name, err)
		}
		answers = append(answers, answer)
	}
	if err := stream.CloseRequest(); err != nil {
		c.t.Error(err)
	}
	return answers
}

// TestConnectGoCallsEveryMethod calls every method with connect-go, with and without gzip,
// through the proxy and directly. S78.
func TestConnectGoCallsEveryMethod(t *testing.T) {
	p := install(t)
	node := startNode(t, p)
	proxy, _ := startProxy(t, p, node.addr)
	for name, options := range map[string][]connect.ClientOption{
		"identity":     nil,
		"gzip":         {connect.WithSendGzip()},
		"without gzip": {connect.WithAcceptCompression("gzip", nil, nil)},
	} {
		for where, addr := range map[string]string{"direct": node.addr, "through the proxy": proxy.addr} {
			t.Run(name+", "+where, func(t *testing.T) {
				c := newConnectGo(t, addr, options...)
				token := c.unary("Login", "", text("alice")).field(1)
				if signed := token != ""; signed != (addr == proxy.addr) {
					t.Fatalf("token: got %v, want %v", signed, addr == proxy.addr)
				}
				if got := c.unary("JwtInToken", token, text("hi")).field(1); addr == proxy.addr && got != "Hello alice: hi" {
					t.Errorf("JwtInToken: got %q", got)
				}
				issued := c.unary("Issue", token, text("x"))
				if got := c.unary("Redeem", token, issued).field(1); addr == proxy.addr && got != "Redeemed by alice" {
					t.Errorf("Redeem: got %q", got)
				}
				many := c.serverStream("IssueMany", token, text("seat"))
				if len(many) != 3 {
					t.Fatalf("IssueMany: %d messages, want 3", len(many))
				}
				if got := c.bidi("RedeemMany", token, many); len(got) != 3 || addr == proxy.addr && got[2].field(1) != "Redeemed by alice" {
					t.Errorf("RedeemMany: %d messages, want 3", len(got))
				}
			})
		}
	}
}
