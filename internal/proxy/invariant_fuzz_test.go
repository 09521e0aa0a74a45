package proxy_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// FuzzUpstreamSeesOnlyWhatPasses plays arbitrary HTTP/2 frames and protobuf bytes against
// a real proxy with a real upstream. The upstream never receives a call or message of a
// protected method that the verifier refuses, or that another implementation reads
// differently, and nothing is signed that the policy does not require (S59, S77, S82,
// S83, S89).
//
// An input is a program for a client, see play. The seeds include calls without a message
// and messages with a field of another wire type. The seeds alone fail, and so does
// fuzzing from the honest ones within 12 seconds, if
//   - verify.Call.End returns nil for a call without requests, and call.forward then
//     closes the stream to the upstream without one, or
//   - settler.unknown (internal/message) accepts a declared number.
func FuzzUpstreamSeesOnlyWhatPasses(f *testing.F) {
	g := newGauntlet(f)
	for _, seed := range g.seeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) > 4<<10 {
			return
		}
		g.play(program)
		for _, wrong := range g.faults() {
			t.Error(wrong)
		}
	})
}

// The instructions of a program. Each is followed by its arguments, one byte each.
const (
	opHeaders  = 'H' // method, credentials, flags: begins a call
	opMessage  = 'M' // stream, template, flags, edits, and three bytes for each edit
	opProtobuf = 'P' // stream, flags, length, bytes: one message
	opData     = 'D' // stream, flags, length, bytes: raw body data
	opFrame    = 'F' // type, flags, stream, length, bytes: any frame
	opReset    = 'R' // stream
)

// Flags of instructions.
const (
	flagEnd     = 1 // ends the client's half of the stream
	flagSplit   = 2 // in two frames
	flagPadded  = 4
	flagClaimed = 8 // with metadata that looks like a claim of the proxy
)

// player is a client that executes one program.
type player struct {
	g       *gauntlet
	framer  *http2.Framer
	program []byte
	buf     bytes.Buffer
	enc     *hpack.Encoder
	calls   []*playedCall
}

// playedCall is a call begun by a program.
type playedCall struct {
	id     uint32
	method string
	tag    string // identifies it to the upstream
	closed bool   // by the client
	over   bool
	body   []byte // of the response
}

// play executes program, and waits for the responses to the calls that it ended and for
// the upstream to finish all calls.
func (g *gauntlet) play(program []byte) {
	conn, err := net.Dial("tcp", g.addr)
	if err != nil {
		g.fault("%v", err)
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	var out bytes.Buffer
	out.WriteString(http2.ClientPreface)
	p := &player{g: g, framer: http2.NewFramer(&out, nil), program: program}
	p.enc = hpack.NewEncoder(&p.buf)
	p.framer.AllowIllegalWrites = true
	_ = p.framer.WriteSettings()
	for steps := 0; len(p.program) > 0 && steps < 40; steps++ {
		p.step()
	}
	waits := 0
	for _, c := range p.calls {
		if c.closed {
			waits++
		} else {
			_ = p.framer.WriteRSTStream(c.id, http2.ErrCodeCancel)
		}
	}
	if _, err := conn.Write(out.Bytes()); err == nil {
		p.read(conn, waits)
	}
	_ = conn.Close()
	g.settle()
	for _, c := range p.calls {
		g.checkAnswer(c)
	}
}

// arg takes the next argument, or 0 at the end.
func (p *player) arg() int {
	if len(p.program) == 0 {
		return 0
	}
	b := p.program[0]
	p.program = p.program[1:]
	return int(b)
}

// bytes takes as many arguments as the next one says.
func (p *player) bytes() []byte {
	n := min(p.arg(), len(p.program))
	b := p.program[:n]
	p.program = p.program[n:]
	return b
}

// call returns the call given by an argument; nil before the first.
func (p *player) call() *playedCall {
	n := p.arg()
	if len(p.calls) == 0 {
		return nil
	}
	return p.calls[n%len(p.calls)]
}

func (p *player) step() {
	switch p.arg() {
	case opHeaders:
		p.begin(p.arg(), p.arg(), p.arg())
	case opMessage:
		c, template, flags := p.call(), p.arg(), p.arg()
		message := bytes.Clone(p.g.templates[template%len(p.g.templates)])
		for range p.arg() % 8 {
			message = p.edit(message)
		}
		p.data(c, flags, wire(message))
	case opProtobuf:
		c, flags := p.call(), p.arg()
		p.data(c, flags, wire(p.bytes()))
	case opData:
		c, flags := p.call(), p.arg()
		p.data(c, flags, p.bytes())
	case opFrame:
		kind, flags, id := p.arg(), p.arg(), p.arg()
		_ = p.framer.WriteRawFrame(http2.FrameType(kind%10), http2.Flags(flags), uint32(id), p.bytes())
	case opReset:
		if c := p.call(); c != nil {
			c.closed = false
			c.over = true
			_ = p.framer.WriteRSTStream(c.id, http2.ErrCodeCancel)
		}
	}
}

func (p *player) begin(method, credentials, flags int) {
	c := &playedCall{id: uint32(2*len(p.calls) + 1), method: p.g.methods[method%len(p.g.methods)], closed: flags&flagEnd != 0}
	p.g.played++
	c.tag = fmt.Sprint(p.g.played)
	p.calls = append(p.calls, c)
	fields := append([]string{":method", "POST", ":scheme", "http", ":path", "/t.S/" + c.method, ":authority", "x", "content-type", "application/grpc", "te", "trailers", tagKey, c.tag},
		p.g.credentials[credentials%len(p.g.credentials)]...)
	if flags&flagClaimed != 0 {
		fields = append(fields, "_kalix-jwt-claim-sub", "mallory", "_kalix_jwt_claim_sub", "mallory", "-kalix-jwt-claim-sub", "mallory")
	}
	p.buf.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = p.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	_ = p.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: c.id, BlockFragment: p.buf.Bytes(), EndHeaders: true, EndStream: c.closed})
}

// edit changes one place of a message: it inserts, sets or removes a byte, truncates the
// message, or inserts a field from the list of snippets.
func (p *player) edit(message []byte) []byte {
	kind, at, value := p.arg(), p.arg(), p.arg()
	at = at * (len(message) + 1) / 256
	switch kind % 6 {
	case 0:
		return append(message[:at:at], append([]byte{byte(value)}, message[at:]...)...)
	case 1:
		if at < len(message) {
			message[at] = byte(value)
		}
	case 2:
		return append(message[:at:at], message[min(at+1, len(message)):]...)
	case 3:
		return message[:at]
	case 4:
		return append(message, p.g.snippets[value%len(p.g.snippets)]...)
	case 5:
		return append(bytes.Clone(p.g.snippets[value%len(p.g.snippets)]), message...)
	}
	return message
}

func (p *player) data(c *playedCall, flags int, data []byte) {
	if c == nil {
		return
	}
	end := flags&flagEnd != 0
	if flags&flagSplit != 0 && len(data) > 1 {
		_ = p.framer.WriteData(c.id, false, data[:len(data)/2])
		data = data[len(data)/2:]
	}
	if flags&flagPadded != 0 {
		_ = p.framer.WriteDataPadded(c.id, end, data, []byte{0, 0, 0})
	} else {
		_ = p.framer.WriteData(c.id, end, data)
	}
	c.closed = c.closed || end && !c.over
}

// read reads frames until this number of calls or the connection has ended.
func (p *player) read(conn io.Reader, waits int) {
	framer := http2.NewFramer(io.Discard, conn)
	byID := map[uint32]*playedCall{}
	for _, c := range p.calls {
		byID[c.id] = c
	}
	for waits > 0 {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		c := byID[frame.Header().StreamID]
		if c == nil {
			continue
		}
		ended := false
		switch frame := frame.(type) {
		case *http2.DataFrame:
			c.body = append(c.body, frame.Data()...)
		case *http2.HeadersFrame:
			ended = frame.StreamEnded()
		case *http2.RSTStreamFrame:
			ended = true
		}
		if ended && !c.over {
			c.over = true
			if c.closed {
				waits--
			}
		}
	}
}
