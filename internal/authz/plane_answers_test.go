package authz_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/policytest"
)

// obey applies a response.
func (p *plane) obey(wire []byte) {
	answer := p.fields(wire)
	if update := answer[14]; update != nil {
		for _, v := range p.fields(update[0]) {
			n, _ := protowire.ConsumeVarint(v[0])
			p.windows += int(n)
		}
	}
	if over := answer[9]; over != nil {
		p.override = over[0]
	}
	for part := protowire.Number(1); part <= 6; part++ {
		content, ok := answer[part]
		if !ok {
			continue
		}
		b := p.bound(part + 1)
		inner := p.fields(content[0])
		var common map[protowire.Number][][]byte
		if part != 5 && part != 6 && len(inner[1]) > 0 {
			common = p.fields(inner[1][0])
		}
		switch part {
		case 1, 2:
			if b.answered {
				p.tb.Error("two responses to headers")
			}
			b.answered = true
			b.mutate(p, slices.Concat(common[2]...))
			if !b.whole {
				b.arrived = true
			}
		case 3, 4:
			p.answered(b, common)
		case 5, 6:
			b.trailers, b.ended, b.arrived = true, true, true
			for _, name := range p.fields(slices.Concat(inner[1]...))[2] {
				b.left = append(b.left, string(name))
			}
		}
	}
}

// mutate applies a HeaderMutation.
func (b *bound) mutate(p *plane, wire []byte) {
	b.set = map[string]string{}
	for _, option := range p.fields(wire)[1] {
		fields := p.fields(option)
		header := p.fields(fields[1][0])
		for _, n := range []protowire.Number{2, 3} {
			if v, ok := header[n]; ok {
				b.set[string(header[1][0])] = string(v[0])
			}
		}
		if action, _ := protowire.ConsumeVarint(slices.Concat(fields[3]...)); action != 2 {
			p.tb.Errorf("%s has append_action %d, want 2", header[1][0], action)
		}
	}
	for _, name := range p.fields(wire)[2] {
		b.removed = append(b.removed, string(name))
	}
}

// answered applies the response to a piece of a body.
func (p *plane) answered(b *bound, common map[protowire.Number][][]byte) {
	if !b.answered && b == &p.up {
		p.tb.Error("response to a body before the headers")
	}
	var mutation map[protowire.Number][][]byte
	if len(common[3]) > 0 {
		mutation = p.fields(common[3][0])
	}
	if b.mode == duplex || b.mode == frameless {
		if len(mutation[3]) != 1 {
			p.tb.Fatal("response to a body without streamed_response")
		}
		s := p.fields(mutation[3][0])
		body := slices.Concat(s[1]...)
		if b.mode == frameless && s[3] == nil {
			body = frames(body)
		}
		b.body, b.ended = append(b.body, body...), b.ended || s[2] != nil
		b.arrived = b.arrived || len(body) > 0 || b.ended
		return
	}
	if len(b.chunks) == 0 {
		p.tb.Fatal("more responses than pieces")
	}
	piece := b.chunks[0]
	b.chunks = b.chunks[1:]
	switch {
	case mutation[1] != nil:
		piece = mutation[1][0]
	case mutation[2] != nil:
		piece = nil
	}
	b.whole, b.arrived = false, true
	b.body = append(b.body, piece...)
}

// delivered returns the complete messages that the other side received.
func (b *bound) delivered() (list [][]byte) {
	for rest := b.body; len(rest) >= 5; {
		n := int(binary.BigEndian.Uint32(rest[1:]))
		if len(rest) < 5+n {
			break
		}
		list = append(list, rest[5:5+n])
		rest = rest[5+n:]
	}
	return list
}

// wireOf returns the bytes of a message given as JSON.
func wireOf(tb testing.TB, w *policytest.World, name, json string) []byte {
	tb.Helper()
	m, err := w.Codec.Read([]byte(json), w.Set.Message(name))
	if err != nil {
		tb.Fatal(err)
	}
	b, err := proto.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func readAs(tb testing.TB, w *policytest.World, name string, wire []byte) *dynamicpb.Message {
	tb.Helper()
	m := dynamicpb.NewMessage(w.Set.Message(name))
	if err := w.Codec.Decode(bytes.Clone(wire), m); err != nil {
		tb.Fatal(err)
	}
	return m
}
