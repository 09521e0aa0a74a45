package e2e

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// spellings returns name in every way that a server which folds "-", "_" and "." reads as
// name.
func spellings(name string) []string {
	list := []string{""}
	for _, c := range name {
		var next []string
		for _, s := range list {
			if strings.ContainsRune("-_.", c) {
				next = append(next, s+"-", s+"_", s+".")
			} else {
				next = append(next, s+string(c))
			}
		}
		list = next
	}
	return list
}

// onlyHyphens reports whether nginx forwards name: it drops the others by itself, and is
// configured to refuse calls with this one.
func onlyHyphens(name string) bool { return !strings.ContainsAny(name, "_.") }

// arrived returns the claims in the only call that reached the server, by their name in
// the spelling of jwtctl; any other spelling is an error.
func (f *fixture) arrived(t *testing.T, what string) map[string][]string {
	t.Helper()
	calls := f.upstream.taken()
	if len(calls) != 1 {
		t.Errorf("%s: the server saw %d calls, want 1", what, len(calls))
		return nil
	}
	claims := map[string][]string{}
	for key, values := range calls[0] {
		if folded := strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(key)); strings.HasPrefix(folded, "-kalix-jwt-claim-") {
			if !strings.HasPrefix(key, "_kalix-jwt-claim-") {
				t.Errorf("%s: %s arrived: %q", what, key, values)
			}
			claims[key] = values
		}
	}
	return claims
}

// TestS62_NoSpoofedClaimArrives sends claims in every spelling, over HTTP/2 and HTTP/1.1,
// to a protected and an open method: only the claims of the token reach the server. S78.
func TestS62_NoSpoofedClaimArrives(t *testing.T) {
	f := newFixture(t)
	_, grpcAt, httpAt := f.authz(t)
	maps.Copy(f.ways, f.planes(t, grpcAt, httpAt))
	auth := "Bearer " + f.token(t, f.key, "--iss", "shop")
	var names []string
	for _, name := range []string{"_kalix-jwt-claim-sub", "_kalix-jwt-claim-role", "_kalix-jwt-claim-sub-bin"} {
		names = append(names, spellings(name)...)
	}
	names = append(names, "_kalix-jwt-claim-", "_kalix-jwt-claim-made.up_name", "_kalix-jwt-claim--sub", "-kalix-jwt-claim-sub_")
	for batch := range slices.Chunk(names, 30) { // as many headers as every proxy accepts
		for plane, w := range f.ways {
			for method, guarded := range map[string]bool{"/shop.Shop/Buy": true, "/shop.Open/Look": false} {
				md := metadata.MD{}
				if guarded {
					md.Set("authorization", auth)
				}
				for _, name := range batch {
					md.Append(name, "mallory", "root")
				}
				f.upstream.taken()
				err := w.stream(&grpc.StreamDesc{}, method, md, patience/4)
				if plane == "nginx" && slices.ContainsFunc(batch, onlyHyphens) {
					if n := len(f.upstream.taken()); status.Code(err) != codes.PermissionDenied || n != 0 {
						t.Errorf("%s through nginx with %s…: got %v, and %d calls at the server, want %v, 0",
							method, batch[0], err, n, codes.PermissionDenied)
					}
					continue
				}
				if err != nil {
					t.Errorf("%s through %s: %v", method, plane, err)
					continue
				}
				f.wantTokenClaims(t, fmt.Sprint(method, " through ", plane, " with ", batch[0], "…"), guarded)
			}
		}
	}
	f.spoofOverHTTP1(t, auth)
}

// spoofOverHTTP1 sends claims in lines that only HTTP/1.1 has.
func (f *fixture) spoofOverHTTP1(t *testing.T, auth string) {
	t.Helper()
	for plane, w := range f.ways {
		if plane == "jwtctl proxy" || plane == "nginx" { // HTTP/2 only
			continue
		}
		for _, extra := range []string{
			"_KALIX-JWT-CLAIM-SUB: mallory", "_Kalix_Jwt_Claim_Sub: mallory", "_kalix.JWT.claim.sub: mallory", "-KALIX-jwt-CLAIM-role: admin",
			"_kalix-jwt-claim-sub: mallory\r\n_kalix-jwt-claim-sub: root", "Connection: _kalix-jwt-claim-sub", "Connection: _kalix-jwt-claim-iss, authorization",
			"Connection: x-original-uri, x-forwarded-uri", "Connection: keep-alive, _kalix-jwt-claim-sub\r\nConnection: _kalix-jwt-claim-iss",
			"Trailer: _kalix-jwt-claim-sub", "_kalix-jwt-claim-sub : mallory", "_kalix-jwt-claim-sub\t: mallory", "x: y\r\n _kalix-jwt-claim-sub: mallory",
		} {
			f.upstream.taken()
			what := fmt.Sprintf("%q over HTTP/1.1 through %s", extra, plane)
			switch passed := post(t, w.address, "/shop.Shop/Buy", "Authorization: "+auth, extra); {
			case passed:
				f.wantTokenClaims(t, what, true)
			case len(f.upstream.taken()) > 0:
				t.Errorf("%s: refused, but the call arrived", what)
			default:
				t.Logf("%s is refused", what)
			}
		}
	}
}

// wantTokenClaims expects the claims of the token at the server in a call of a guarded
// method, and none otherwise.
func (f *fixture) wantTokenClaims(t *testing.T, what string, guarded bool) {
	t.Helper()
	claims := f.arrived(t, what)
	if claims == nil {
		return
	}
	delete(claims, "_kalix-jwt-claim-exp") // any time
	want := map[string][]string{}
	if guarded {
		want = map[string][]string{"_kalix-jwt-claim-iss": {"shop"}, "_kalix-jwt-claim-sub": {"alice"}}
	}
	if !maps.EqualFunc(claims, want, slices.Equal) {
		t.Errorf("%s: got %q, want %q", what, claims, want)
	}
}

// TestNoOtherPathIsDecided: a client that names another path in a header, or misleads its
// proxy about the path, cannot call a protected method without a token.
func TestNoOtherPathIsDecided(t *testing.T) {
	f := newFixture(t)
	_, grpcAt, httpAt := f.authz(t)
	const open, guarded = "/shop.Open/Look", "/shop.Shop/Buy"
	for plane, w := range f.planes(t, grpcAt, httpAt) {
		for _, header := range []string{
			"X-Original-URI", "x_original_uri", "X-Forwarded-Uri", "x_forwarded_uri", "X-Original-URL", "X-Rewrite-URL", "X-Envoy-Original-Path",
			"X-Forwarded-Path", "X-Forwarded-Prefix", "X-Replaced-Path", "X-HTTP-Method-Override", "Forwarded",
		} {
			post(t, w.address, guarded, header+": "+open)
			post(t, w.address, guarded, header+": "+open, "Connection: "+header)
			_ = w.stream(&grpc.StreamDesc{}, guarded, metadata.Pairs(strings.ToLower(header), open), patience/4)
		}
		for _, path := range []string{
			"http://shop" + guarded, "/shop.Open/Look/..%2f..%2fshop.Shop/Buy", "/shop.Open/Look?x=" + guarded, "/shop.Open/Look#" + guarded,
			"/shop.Shop/Buy?" + open, "/shop.Shop/Buy#", "/shop.Shop/Buy/", "/shop.Shop/Buy;x", "/shop.Shop%2fBuy", "//shop.Shop/Buy", "/./shop.Shop/Buy", "/shop.Shop/Buy%00", "\\shop.Shop\\Buy",
		} {
			post(t, w.address, path)
		}
		for _, md := range f.upstream.taken() {
			if method := md.Get(":path")[0]; method != open && !strings.HasPrefix(method, open) {
				t.Errorf("through %s, %s was called without a token", plane, method)
			}
		}
	}
}

// post makes a gRPC call over HTTP/1.1 with header lines sent unchanged, and reports
// whether it passed.
func post(t *testing.T, address, path string, lines ...string) bool {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience / 4))
	head := append([]string{"POST " + path + " HTTP/1.1", "Host: shop", "Content-Type: application/grpc", "TE: trailers", "Content-Length: 5"}, lines...)
	if _, err := fmt.Fprint(conn, strings.Join(head, "\r\n"), "\r\n\r\n\x00\x00\x00\x00\x00"); err != nil {
		return false
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode == http.StatusOK && answer.Header.Get("Grpc-Status") == ""
}
