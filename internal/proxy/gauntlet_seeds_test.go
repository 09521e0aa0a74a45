package proxy_test

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// arm makes what programs refer to by number. Only append to its lists, so that the corpus
// stays valid.
func (g *gauntlet) arm() {
	bearer := `{"iss":"me","sub":"alice","role":"admin","exp":1769864400}`
	good := g.Token(bearer)
	g.credentials = [][]string{
		{},
		{"authorization", "Bearer " + good},
		{"authorization", "Bearer " + g.Token(`{"iss":"me","sub":"alice","exp":1}`)},
		{"authorization", "Bearer " + g.Token(`{"iss":"eve","sub":"alice","role":"admin","exp":1769864400}`)},
		{"authorization", "Bearer " + good[:len(good)-3] + "abc"},
		{"authorization", "Bearer " + good, "authorization", "Bearer " + good},
		{"authorization", "Basic " + good},
	}
	verified := g.Bearer(bearer)
	for _, json := range []string{
		`{"user":"alice","tenant":7}`,
		`{"user":"alice","tenant":7,"raw":{"team":"x"},"parts":[{"role":"r"},{"role":"s"}],"deep":{"n":5,"member":"u"},"any":{"@type":"x/t.Inner","user":"alice"},"level":"ADMIN","ns":[1,2],"box":{"n":9,"group":"g"}}`,
		`{"tenant":7,"parts":[{"role":"r"}]}`,
		`{"user":"bob","tenant":8,"parts":[{"role":"r"}],"any":{"@type":"x/t.Inner","admin":"bob"}}`,
	} {
		g.templates = append(g.templates, g.encode(g.signed("Req", json, verified)))
	}
	// The signed message, without the field that the token can fill in again.
	part := g.signed("Req", `{"tenant":7,"parts":[{"role":"r"}]}`, verified)
	part.Clear(part.Descriptor().Fields().ByName("tenant"))
	expired, err := jws.Sign(g.Key, []byte(`{"iss":"maker","user":"alice","exp":1}`))
	if err != nil {
		g.t.Fatal(err)
	}
	_, late := g.Message("Req", `{"user":"alice","tok":"`+expired+`"}`)
	_, mine := g.Message("Mine", `{"note":"x"}`)
	_, answer := g.Message("Out", `{"user":"bob"}`)
	g.templates = append(g.templates, g.encode(part), g.encode(late), g.encode(mine), g.encode(answer))
	g.answer = g.encode(answer)
	g.arms()
}

// arms makes the snippets: fields with other wire types, duplicates, or of other members.
func (g *gauntlet) arms() {
	for number := protowire.Number(1); number <= 11; number++ {
		g.snippets = append(g.snippets,
			protowire.AppendString(protowire.AppendTag(nil, number, protowire.VarintType), "admin-bob"),
			protowire.AppendString(protowire.AppendTag(nil, number, protowire.Fixed64Type), "mallory"),
			protowire.AppendString(protowire.AppendTag(nil, number, protowire.Fixed32Type), "eve"),
			protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), "`1"),
			protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), ""),
			protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), 5),
		)
	}
	parts := func(json string) []byte {
		m := g.signed("Req", json, nil)
		m.Clear(m.Descriptor().Fields().ByName("tok"))
		m.Clear(m.Descriptor().Fields().ByName("tenant"))
		m.Clear(m.Descriptor().Fields().ByName("user"))
		return g.encode(m)
	}
	g.snippets = append(g.snippets, policytest.UndeclaredField(),
		parts(`{"tenant":7,"parts":[{"role":"r"}]}`), parts(`{"tenant":8,"user":"bob","parts":[{"role":"s"}]}`))
}

func (g *gauntlet) signed(name, json string, bearer *jws.Verified) *dynamicpb.Message {
	m, err := g.Sign(name, json, bearer)
	if err != nil {
		g.t.Fatal(err)
	}
	return m
}

func (g *gauntlet) encode(m *dynamicpb.Message) []byte {
	wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		g.t.Fatal(err)
	}
	return wire
}

// seeds returns programs: honest calls of each kind, and known attacks.
func (g *gauntlet) seeds() [][]byte {
	method := func(name string) byte { return byte(slices.Index(g.methods, name)) }
	var all [][]byte
	for _, kind := range []string{"Unary", "Client", "Server", "Bidi"} {
		for _, mode := range []string{"Open", "Bearer", "Message", "Both", "Mine", "MessageSign", "BothSign"} {
			name := method(kind + mode)
			template := byte(1)
			if mode == "Mine" {
				template = 6
			}
			all = append(all,
				[]byte{opHeaders, name, 1, 0, opMessage, 0, template, flagEnd, 0},
				[]byte{opHeaders, name, 1, flagClaimed, opMessage, 0, template, flagSplit, 0, opMessage, 0, template, flagEnd, 0},
				[]byte{opHeaders, name, 1, flagEnd},
				[]byte{opHeaders, name, 1, 0, opData, 0, flagEnd, 0},
				[]byte{opHeaders, name, 2, 0, opMessage, 0, template, flagEnd | flagPadded, 0},
			)
		}
	}
	message := method("UnaryMessage")
	for i := range g.snippets {
		all = append(all, []byte{opHeaders, message, 1, 0, opMessage, 0, 1, flagEnd, 1, 4, 0, byte(i)},
			[]byte{opHeaders, message, 1, 0, opMessage, 0, 0, flagEnd, 1, 5, 0, byte(i)})
	}
	for template := range g.templates {
		all = append(all, []byte{opHeaders, message, 1, 0, opMessage, 0, byte(template), flagEnd, 2, 0, 128, 7, 1, 200, 'x'})
	}
	return append(all,
		[]byte{opHeaders, message, 1, 0, opProtobuf, 0, flagEnd, 5, 0x12, 3, 'e', 'v', 'e'},
		[]byte{opHeaders, message, 0, 0, opReset, 0},
		[]byte{opFrame, 4, 0, 0, 6, 0, 4, 0, 0, 0, 1, opHeaders, message, 1, flagEnd},
		[]byte{opHeaders, method("BidiBoth"), 1, 0, opHeaders, method("ClientMessage"), 1, 0, opMessage, 0, 1, 0, 0, opMessage, 1, 0, 0, 0, opMessage, 0, 1, flagEnd, 0, opData, 1, flagEnd, 0})
}
