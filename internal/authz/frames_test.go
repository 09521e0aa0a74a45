package authz_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/encoding"
	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/authz"
	"github.com/jwtctl/jwtctl/internal/compress"
	"github.com/jwtctl/jwtctl/internal/fault"
)

// pack compresses data.
func pack(t testing.TB, c encoding.Compressor, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := c.Compress(&out)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestProcessCompression: requests in gzip, deflate and zstd are read and forwarded in the
// same encoding; responses are signed in theirs. The server may only use encodings that
// can be decoded here, and requests in others are refused.
func TestProcessCompression(t *testing.T) {
	t.Parallel()
	b := newBureau(t, authz.Options{})
	good := wireOf(t, b.World, "t.Signed", b.signed())
	for _, name := range []string{"gzip", "deflate", "zstd"} {
		c := compress.Find(name)
		packed := frames(pack(t, c, good))
		packed[0] = 1
		for kind, m := range modes {
			if m.request == frameless {
				continue // grpc-go compresses after its filter
			}
			p := newPlane(t, b.authority, m)
			p.request("/t.S/CheckClient", false, "grpc-encoding", name)
			p.body(4, true, slices.Concat(packed, frames(good)[:0]))
			if p.refusal != nil || len(p.up.delivered()) != 1 || p.up.body[0] != 1 {
				t.Errorf("%s, %s: got %+v", name, kind, p.refusal)
				continue
			}
			r, err := c.Decompress(bytes.NewReader(p.up.delivered()[0]))
			if err != nil {
				t.Fatal(err)
			}
			var plain bytes.Buffer
			if _, err := plain.ReadFrom(r); err != nil {
				t.Fatal(err)
			}
			if got := b.JSON(readAs(t, b.World, "t.Signed", plain.Bytes())); !strings.Contains(got, `"n":"7"`) {
				t.Errorf("%s, %s: got %s, want %q in it", name, kind, got, `"n":"7"`)
			}
		}
		p := newPlane(t, b.authority, modes["duplex"])
		p.request("/t.S/Sign", false, "grpc-accept-encoding", "br, "+name+",identity, snappy")
		if got := p.up.set["grpc-accept-encoding"]; p.refusal != nil || p.up.answered && got != name+",identity" {
			t.Errorf("%s: the server may respond in %q", name, got)
		}
		p.messages(4, true, nil)
		if got := p.up.set["grpc-accept-encoding"]; got != name+",identity" {
			t.Errorf("%s: the server may respond in %q, want %q", name, got, name+",identity")
		}
		p.headers(3, false, ":status", "200", "content-type", "application/grpc", "grpc-encoding", name)
		answer := frames(pack(t, c, wireOf(t, b.World, "t.Signed", `{"user":"bob"}`)))
		answer[0] = 1
		p.body(5, false, answer)
		if p.refusal != nil || len(p.down.delivered()) != 1 || p.down.body[0] != 1 {
			t.Errorf("%s: got %+v", name, p.refusal)
		}
	}
	p := newPlane(t, b.authority, modes["duplex"])
	if p.request("/t.S/Check", false, "grpc-encoding", "br"); p.refusal == nil || p.refusal.Text != "Encoding of messages is not supported" || p.refusal.Status != fault.GRPCUnimplemented {
		t.Errorf("br: %+v", p.refusal)
	}
	p = newPlane(t, b.authority, modes["duplex"])
	p.request("/t.S/OpenClient", false, "grpc-encoding", "br") // not read
	opaque := frames([]byte("x"))
	opaque[0] = 1
	if p.body(4, true, opaque); p.refusal != nil || !bytes.Equal(p.up.body, opaque) {
		t.Errorf("br on an open method: %+v", p.refusal)
	}
	p = newPlane(t, b.authority, modes["duplex"])
	p.request("/t.S/Sign", false, "grpc-accept-encoding", "br")
	if p.messages(4, true, nil); !slices.Contains(p.up.removed, "grpc-accept-encoding") {
		t.Errorf("only br: removed %q", p.up.removed)
	}
}

// TestProcessFrames: invalid framing is refused with the codes and texts of grpc-go, which
// parses frames for the proxy, and nothing of it is delivered.
func TestProcessFrames(t *testing.T) {
	t.Parallel()
	b := newBureau(t, authz.Options{MessageBytes: 2000})
	good := frames(wireOf(t, b.World, "t.Signed", b.signed()))
	bomb := frames(pack(t, compress.Find("gzip"), make([]byte, 1<<20)))
	bomb[0] = 1
	flagged := slices.Clone(good)
	flagged[0] = 1
	for name, row := range map[string]struct {
		encoding string
		body     []byte
		status   fault.GRPC
		text     string
	}{
		"too large":                           {"identity", append([]byte{0, 0, 0, 7, 0xd1}, make([]byte, 2001)...), fault.GRPCResourceExhausted, "grpc: received message larger than max (2001 vs. 2000)"},
		"too large, incomplete":               {"identity", []byte{0, 0xff, 0xff, 0xff, 0xff}, fault.GRPCResourceExhausted, "grpc: received message larger than max (4294967295 vs. 2000)"},
		"too large after decompression":       {"gzip", bomb, fault.GRPCResourceExhausted, "grpc: received message after decompression larger than max 2000"},
		"incomplete header":                   {"identity", good[:3], fault.GRPCInternal, "unexpected EOF"},
		"incomplete message":                  {"identity", good[:20], fault.GRPCInternal, "unexpected EOF"},
		"unknown flag":                        {"identity", append([]byte{2}, good[1:]...), fault.GRPCInternal, "grpc: received unexpected payload format 2"},
		"compressed flag without an encoding": {"identity", flagged, fault.GRPCInternal, "grpc: compressed flag set with identity or empty encoding"},
		"uncompressed data":                   {"gzip", flagged, fault.GRPCInternal, "grpc: failed to decompress the message: gzip: invalid header"},
	} {
		for kind, m := range modes {
			if m.request == frameless {
				continue
			}
			p := newPlane(t, b.authority, m)
			p.request("/t.S/CheckClient", false, "grpc-encoding", row.encoding)
			p.body(4, true, row.body)
			if p.refusal == nil || p.refusal.Status != row.status || p.refusal.Text != row.text || p.up.arrived {
				t.Errorf("%s, %s: got %+v", name, kind, p.refusal)
			}
		}
	}
}

// TestProcessPieces: the same messages are delivered however a body is split into pieces,
// in both directions.
func TestProcessPieces(t *testing.T) {
	t.Parallel()
	b := newBureau(t, authz.Options{})
	good := wireOf(t, b.World, "t.Signed", b.signed())
	plain := wireOf(t, b.World, "t.Signed", `{"user":"bob"}`)
	large := wireOf(t, b.World, "t.Signed", `{"user":"bob","other":"`+strings.Repeat("b", 200<<10)+`"}`)
	send := func(t testing.TB, p *plane, method string, request, response [][]byte) {
		p.request("/t.S/"+method, false)
		for i, piece := range request {
			p.body(4, i == len(request)-1, piece)
		}
		p.headers(3, false, ":status", "200", "content-type", "application/grpc")
		for _, piece := range response {
			p.body(5, false, piece)
		}
		if p.trailers(7, "grpc-status", "0"); p.refusal != nil {
			t.Fatalf("%s: got %+v", method, p.refusal)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		cut := func(name string, body []byte) (pieces [][]byte) {
			for len(body) > 0 {
				n := min(len(body), rapid.OneOf(rapid.IntRange(0, 9), rapid.IntRange(0, len(body))).Draw(rt, name))
				pieces = append(pieces, slices.Clone(body[:n]))
				body = body[n:]
			}
			return append(pieces, nil)
		}
		m := rapid.SampledFrom([]mode{modes["duplex"], modes["streamed"], {streamed, streamed, false}}).Draw(rt, "mode")
		method, request, response, n := "CheckBidi", frames(good, good, good), frames(nil, nil), 3
		if !m.eager && m.request == streamed || rapid.Bool().Draw(rt, "sign") {
			method, request, response, n = "SignServer", frames([]byte{}), frames(plain, plain, large), 1
		}
		p := newPlane(t, b.authority, m)
		send(t, p, method, cut("request", request), cut("response", response))
		up, down := p.up.delivered(), p.down.delivered()
		if len(up) != n || !bytes.Equal(frames(up...), p.up.body) || !bytes.Equal(frames(down...), p.down.body) {
			rt.Fatalf("%s: %d requests, %d responses", method, len(up), len(down))
		}
		for _, one := range up {
			if method == "CheckBidi" && !strings.Contains(b.JSON(readAs(t, b.World, "t.Signed", one)), `"n":"7"`) {
				rt.Fatalf("not filled in: %x", one)
			}
		}
		if method == "SignServer" {
			if len(down) != 3 {
				rt.Fatalf("got %d responses, want 3", len(down))
			}
			for _, one := range down {
				if _, err := b.Verify("Signed", b.JSON(readAs(t, b.World, "t.Signed", one)), nil); err != nil {
					rt.Fatalf("not signed: %v", err)
				}
			}
		}
	})
}
