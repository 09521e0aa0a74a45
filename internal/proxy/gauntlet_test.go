package proxy_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// tagKey is the metadata key that links a call at the upstream to the client's.
const tagKey = "x-played"

// gauntletSource returns a schema with each kind of method and each requirement.
func gauntletSource() string {
	var b strings.Builder
	b.WriteString(`edition = "2023"; package t; import "kalix/annotations.proto"; import "google/protobuf/any.proto";
enum Level { option features.enum_type = CLOSED; NONE = 0; GUEST = 1; ADMIN = 2; }
message Part { string role = 1 [(kalix.field).jwt = {claim: INCLUDE}]; string tok = 2 [(kalix.field).jwt = {token: true, include_parent_claims: true}]; }
message Deep { int64 n = 1 [(kalix.field).jwt = {claim: EXTRACT}]; oneof who { string member = 2 [(kalix.field).jwt = {claim: INCLUDE}]; string group = 3 [(kalix.field).jwt = {claim: INCLUDE}]; } }
message Inner { oneof who { string user = 1; string admin = 2; } }
message Req {
  string tok = 1 [(kalix.field).jwt = {token: true, issuer: "maker"}];
  string user = 2 [(kalix.field).jwt = {claim: INCLUDE}];
  int64 tenant = 3 [(kalix.field).jwt = {claim: EXTRACT}];
  map<string, string> raw = 4 [(kalix.field).jwt = {claim: RAW}];
  repeated Part parts = 5 [(kalix.field).jwt = {token: true}];
  Deep deep = 6 [(kalix.field).jwt = {claim: NEST}];
  google.protobuf.Any any = 7 [(kalix.field).jwt = {claim: INCLUDE}];
  Level level = 8 [(kalix.field).jwt = {claim: INCLUDE}];
  repeated int32 ns = 9 [(kalix.field).jwt = {claim: INCLUDE}];
  string note = 10;
  Deep box = 11 [features.message_encoding = DELIMITED, (kalix.field).jwt = {claim: DESCEND}];
}
message Mine { option (kalix.message).jwt = {validate_bearer_token: true}; string sub = 1 [(kalix.field).jwt = {claim: EXTRACT}]; string note = 2; }
message Out { string user = 1 [(kalix.field).jwt = {claim: INCLUDE}]; string tok = 2 [(kalix.field).jwt = {token: true, issuer: "maker"}]; }
service S {
`)
	modes := map[string][2]string{
		"Open": {"Req", ""}, "Bearer": {"Req", "validate: BEARER_TOKEN, bearer_token_issuer: \"me\""}, "Message": {"Req", "validate: MESSAGE"},
		"Both": {"Req", "validate: BEARER_TOKEN, validate: MESSAGE"}, "Mine": {"Mine", "validate: BEARER_TOKEN, validate: MESSAGE"},
	}
	for _, kind := range slices.Sorted(maps.Keys(policytest.MethodKinds)) {
		for _, mode := range slices.Sorted(maps.Keys(modes)) {
			for suffix, sign := range map[string]string{"": "", "Sign": "sign: MESSAGE"} {
				options := strings.Trim(modes[mode][1]+", "+sign, ", ")
				fmt.Fprintf(&b, policytest.MethodKinds[kind]+" { option (kalix.method).jwt = {%s}; }\n", kind+mode+suffix, modes[mode][0], "Out", options)
			}
		}
	}
	return b.String() + "}\n"
}

// gauntlet is a proxy with an upstream that checks everything it receives.
type gauntlet struct {
	*rig
	methods     []string
	credentials [][]string // metadata, alternating names and values
	templates   [][]byte   // messages
	snippets    [][]byte   // fields
	answer      []byte     // the upstream's response to every request
	played      int

	mu     sync.Mutex
	active int
	wrong  []string
	heard  map[string]int // the number of the upstream's responses, by tag
}

func newGauntlet(f *testing.F) *gauntlet {
	key, err := keys.New([]byte("a secret that every process of the fuzzer has"), keys.Attributes{ID: "k", Algorithm: keys.HS256})
	if err != nil {
		f.Fatal(err)
	}
	g := &gauntlet{heard: map[string]int{}}
	g.rig = start(f, setup{
		source: gauntletSource(), world: policytest.Setup{Keys: []*keys.Key{key}},
		options:  proxy.Options{ForwardAuthorization: true},
		upstream: ofBytes(),
	})
	g.proxy.HoldFor(1)
	methods := g.Set.Services()[0].Methods()
	for i := range methods.Len() {
		g.methods = append(g.methods, string(methods.Get(i).Name()))
	}
	g.methods = append(g.methods, "Missing", "OpenUnary/", "%55nary")
	slices.Sort(g.methods)
	g.arm()
	g.upstream.become(g.hear)
	return g
}

// hear is the upstream: it receives all requests, sends one response, and checks.
func (g *gauntlet) hear(name string, ss grpc.ServerStream) error {
	g.mu.Lock()
	g.active++
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.active--
	}()
	md, _ := metadata.FromIncomingContext(ss.Context())
	m, err := g.Plan.Method(name)
	if err != nil {
		g.fault("the upstream hears of %s", name)
		return err
	}
	g.checkMetadata(m, md)
	for n := 0; ; n++ {
		var request []byte
		err := ss.RecvMsg(&request)
		if err == io.EOF && (n == 0 && (m.Request != nil || m.OneRequest()) || n > 1 && m.OneRequest()) {
			g.fault("a call of %s with %d messages", name, n)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		g.checkRequest(m, md, request)
	}
	g.mu.Lock()
	for _, tag := range md.Get(tagKey) {
		g.heard[tag]++
	}
	g.mu.Unlock()
	return ss.SendMsg(&g.answer)
}

func (g *gauntlet) fault(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wrong = append(g.wrong, fmt.Sprintf(format, args...))
}

// faults returns the faults found since the last call.
func (g *gauntlet) faults() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	wrong := g.wrong
	g.wrong = nil
	return wrong
}

// settle waits until the upstream has ended all calls.
func (g *gauntlet) settle() {
	for deadline := time.Now().Add(testkit.Timeout); time.Now().Before(deadline); time.Sleep(100 * time.Microsecond) {
		g.mu.Lock()
		active := g.active
		g.mu.Unlock()
		if active == 0 {
			return
		}
	}
	g.fault("calls of the upstream do not end")
}

// checkMetadata checks that the claims are those of a valid bearer token, and that
// there are no claims without one.
func (g *gauntlet) checkMetadata(m *plan.Method, md metadata.MD) {
	claims := map[string]string{}
	for key, values := range md {
		folded := strings.ToLower(strings.ReplaceAll(key, "_", "-"))
		if name, is := strings.CutPrefix(folded, "-kalix-jwt-claim-"); is {
			if !strings.HasPrefix(key, enforce.ClaimPrefix) || len(values) != 1 {
				g.fault("%s: %s: %q", m.Name, key, values)
			}
			claims[name] = values[0]
		}
	}
	if m.Bearer == nil {
		if len(claims) > 0 {
			g.fault("%s is not guarded, and hears of claims %v", m.Name, claims)
		}
		return
	}
	token, err := g.Verifier.Bearer(context.Background(), m.Bearer, md.Get("authorization")...)
	if err != nil {
		g.fault("%s: the upstream hears of a call with a bearer token that fails: %v", m.Name, err)
		return
	}
	if len(claims) != len(token.Claims.Members()) || claims["sub"] != "alice" {
		g.fault("%s: claims %v", m.Name, claims)
	}
}

// checkRequest checks that the verifier accepts a message that the upstream received, and
// that even the most lenient readers see the same in it.
func (g *gauntlet) checkRequest(m *plan.Method, md metadata.MD, wire []byte) {
	if m.Request == nil {
		return
	}
	seen := dynamicpb.NewMessage(m.Request.Desc)
	if err := proto.Unmarshal(wire, seen); err != nil {
		g.fault("%s: the upstream sees %x: %v", m.Name, wire, err)
		return
	}
	bearer, _ := g.Verifier.Bearer(context.Background(), m.Bearer, md.Get("authorization")...)
	again := proto.Clone(seen).ProtoReflect()
	if _, err := g.Verifier.Message(context.Background(), m.Request, again, bearer); err != nil {
		g.fault("%s: the upstream sees %x, which the verifier refuses: %v", m.Name, wire, err)
		return
	}
	discardUnknown(seen)
	for _, first := range []bool{false, true} {
		other, ok := policytest.Lenient{Types: g.Set.Types(), FirstOfUs: first}.Read(m.Request.Desc, wire)
		if ok && !g.same(seen, other) {
			g.fault("%s: the upstream sees %x\nby Go: %v\nor:    %v", m.Name, wire, seen, other)
		}
	}
}

// same compares two messages as JSON: the bytes in an Any have several encodings.
func (g *gauntlet) same(a, b *dynamicpb.Message) bool {
	x, errX := g.Codec.Marshal(a)
	y, errY := g.Codec.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

func discardUnknown(m protoreflect.Message) {
	m.SetUnknown(nil)
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Message() == nil || fd.IsMap():
		case fd.IsList():
			for i := range v.List().Len() {
				discardUnknown(v.List().Get(i).Message())
			}
		default:
			discardUnknown(v.Message())
		}
		return true
	})
}

// checkAnswer checks what a client received: the upstream's response unchanged, or with
// the token that the method's policy requires.
func (g *gauntlet) checkAnswer(c *playedCall) {
	body := c.body
	for n := 1; len(body) >= 5; n++ {
		size := int(binary.BigEndian.Uint32(body[1:]))
		if len(body) < 5+size {
			return // truncated
		}
		message := body[5 : 5+size]
		body = body[5+size:]
		g.mu.Lock()
		heard := g.heard[c.tag]
		g.mu.Unlock()
		if n > heard {
			g.fault("%s: answer %d of %d that the upstream gave", c.method, n, heard)
		}
		m, err := g.Plan.Method("t.S/" + c.method)
		switch {
		case err != nil:
			g.fault("%s has an answer", c.method)
		case m.Response == nil:
			if string(message) != string(g.answer) {
				g.fault("%s: the answer %x is not the upstream's", c.method, message)
			}
		default:
			g.checkSigned(m, message)
		}
	}
}

func (g *gauntlet) checkSigned(m *plan.Method, wire []byte) {
	out := dynamicpb.NewMessage(m.Desc.Output())
	if err := proto.Unmarshal(wire, out); err != nil {
		g.fault("%s: %v", m.Name, err)
		return
	}
	tok := out.Descriptor().Fields().ByName("tok")
	token, err := g.Verifier.BearerToken(context.Background(), nil, out.Get(tok).String())
	if err != nil {
		g.fault("%s: what it signed: %v", m.Name, err)
		return
	}
	if claims := string(token.Token.PayloadJSON()); claims != `{"user":"bob","iss":"maker","exp":1769864400}` {
		g.fault("%s: signed is %s", m.Name, claims)
	}
	out.Clear(tok)
	if again, err := proto.Marshal(out); err != nil || string(again) != string(g.answer) {
		g.fault("%s: signing changed %x to %x", m.Name, g.answer, wire)
	}
}
