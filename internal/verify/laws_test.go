package verify_test

import (
	"bytes"
	"context"
	"maps"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// trials is how many messages are tried on each random schema.
const trials = 6

// S83, A49, A52: a subtree that was moved, dropped, swapped or duplicated with
// its token is refused, or changes no checked value.
//
// With the parents compared before EXTRACT fills them in (in Verifier.Message, the
// loop over w.inherits moved before the one over w.fills), it fails after 71, 307
// and 1183 schemas of seeds 2, 3 and 1.
func TestMovedTokensVouchForNothingElse(t *testing.T) {
	law(t, policytest.SchemaOptions{}, policytest.Attack{Tamper: true})
}

// S82, A38: in messages with fields of wrong wire types, the most lenient reader
// sees what the tokens say.
//
// Without otherWireType in settler.unknown (internal/message), it fails within 3
// schemas.
func TestWrongWireTypesShowNoReaderAnotherValue(t *testing.T) {
	law(t, policytest.SchemaOptions{}, policytest.Attack{Wire: policytest.Hostile{WrongTypes: true}})
}

// S82, A38: the same with fields that come twice, and other members of a oneof,
// also within an Any.
//
// With the value of an Any passed on as it came (no m.Set in settler.any of
// internal/message), it fails after 17, 60 and 89 schemas of seeds 3, 1 and 2.
func TestDuplicateFieldsShowNoReaderAnotherValue(t *testing.T) {
	law(t, policytest.SchemaOptions{}, policytest.Attack{Wire: policytest.Hostile{Twice: true}})
}

// S83, A43, A49: where lint is silent, no accepted request lacks a token, and no
// annotated value is in none.
//
// With the check of any one of these rules taken out of internal/lint/rules.go, it
// fails after 0 to 113 schemas (seeds 1 and 2): claim-with-default, every-token-optional,
// claim-in-oneof, token-not-validated, token-without-claims, walk-without-claims,
// mode-unspecified.
func TestWhereLintIsSilentEveryAnnotatedValueIsChecked(t *testing.T) {
	law(t, policytest.SchemaOptions{Hazards: policytest.Hazards()}, policytest.Attack{Tamper: true})
}

// S83: all of it at once.
func TestLawsOfVerificationUnderEveryAttack(t *testing.T) {
	law(t, policytest.SchemaOptions{Hazards: policytest.Hazards()}, policytest.Attack{Tamper: true, Wire: policytest.Hostile{Twice: true, WrongTypes: true}})
}

// law checks the laws of S83 over random schemas and attacks of one kind:
//   - What passed passes again, in protobuf and as verify --print has it.
//   - What any reader sees in annotated fields, defaults and filled ones included,
//     is in a token that was checked, or lint warns of the construct.
//   - Under each token is what was there when it was made, or less.
func law(t *testing.T, o policytest.SchemaOptions, a policytest.Attack) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		l := &lab{Lab: policytest.NewLab(t, rt, o), signed: map[string]map[string]string{}}
		if l.Lab == nil || len(l.Given) == 0 {
			return
		}
		l.warned = warnings(l.Policy)
		l.record()
		for range trials {
			l.hold(l.Attacked(a))
		}
	})
}

// lab is a Lab with its oracle.
type lab struct {
	*policytest.Lab
	warned []string // the rules by which lint warns
	// signed has what a reader saw under each token when it was made.
	signed map[string]map[string]string
}

// record notes what readers see in the given messages.
func (l *lab) record() {
	for _, g := range l.Given {
		wire, err := proto.Marshal(g.Message)
		if err != nil {
			l.Fatal(err)
		}
		for _, r := range l.readers() {
			seen, ok := r.read(wire)
			if !ok {
				continue
			}
			report := l.oracle(g).Look(seen)
			for i, token := range report.Tokens {
				if l.signed[token] == nil {
					l.signed[token] = map[string]string{}
				}
				maps.Copy(l.signed[token], report.Under[i]) // two messages can have one token
			}
		}
	}
}

func (l *lab) oracle(g policytest.Given) *policytest.Oracle {
	o := &policytest.Oracle{Schema: l.Schema, Types: l.Set.Types(), Secrets: [][]byte{policytest.Secret}}
	if l.Schema.Bearer {
		o.Bearer = g.Claims
	}
	return o
}

// reader is one that reads what passes.
type reader struct {
	name string
	read func(wire []byte) (*dynamicpb.Message, bool)
}

// readers are Go, and the most lenient that there are.
func (l *lab) readers() []reader {
	desc, types := l.Method.Desc.Input(), l.Set.Types()
	return []reader{
		{"Go", func(wire []byte) (*dynamicpb.Message, bool) {
			m := dynamicpb.NewMessage(desc)
			return m, proto.Unmarshal(wire, m) == nil
		}},
		{"a lenient reader", func(wire []byte) (*dynamicpb.Message, bool) {
			return policytest.Lenient{Types: types}.Read(desc, wire)
		}},
		{"a lenient reader of first members", func(wire []byte) (*dynamicpb.Message, bool) {
			return policytest.Lenient{Types: types, FirstOfUs: true}.Read(desc, wire)
		}},
	}
}

// hold checks the laws for one request.
func (l *lab) hold(wire []byte, g policytest.Given) {
	out, m, err := l.Accept(wire, g.Bearer)
	if err != nil {
		if fault.ClassOf(err) != fault.Refused {
			l.Fatalf("neither passed nor refused: %v\n%x\n%s", err, wire, l.Schema.Text)
		}
		return
	}
	l.again(out, m, g)
	for _, r := range l.readers() {
		seen, ok := r.read(out)
		if !ok {
			continue
		}
		report := l.oracle(g).Look(seen)
		for _, d := range report.Doubts {
			if l.Schema.Hazard == policytest.Unspecified { // which checks nothing at all
				d.Hazard = policytest.Unspecified
			}
			if d.Hazard == policytest.NoHazard || len(l.warned) == 0 {
				l.Fatalf("passes, and lint is silent (%q)\n%s: %s\nin  %x\nout %x\n%v\n%s", d.Hazard, r.name, d.Text, wire, out, seen, l.Schema.Text)
			}
		}
		if l.Method.Request != nil {
			l.asSigned(report, r.name, out)
		}
	}
}

// asSigned checks that what the reader sees under a token was there when it was
// signed.
func (l *lab) asSigned(report *policytest.Report, name string, out []byte) {
	for i, token := range report.Tokens {
		if token == "bearer" {
			continue
		}
		for path, value := range report.Under[i] {
			if was := l.signed[token][path]; was != value {
				l.Fatalf("%s sees %s = %s under a token that was made for %q\n%x\n%s", name, path, value, was, out, l.Schema.Text)
			}
		}
	}
}

// again checks that what passed passes, and stays as it is.
func (l *lab) again(out []byte, m *dynamicpb.Message, g policytest.Given) {
	twice, _, err := l.Accept(out, g.Bearer)
	if err != nil || !bytes.Equal(twice, out) {
		l.Fatalf("what passed once: %v\n%x\n%x\n%s", err, out, twice, l.Schema.Text)
	}
	text, err := l.Codec.Write(m, message.Form{})
	if err != nil {
		if fault.Has(err, fault.MessageMalformed) { // an undeclared field has no place in JSON
			return
		}
		l.Fatal(err)
	}
	printed, err := l.Codec.Read(text, l.Method.Desc.Input())
	if err == nil && l.Method.Request != nil {
		_, err = l.Verifier.Message(context.Background(), l.Method.Request, printed, g.Bearer)
	}
	if err != nil {
		l.Fatalf("what verify printed: %v\n%s\n%s", err, text, l.Schema.Text)
	}
	if back, err := l.Codec.Write(printed, message.Form{}); err != nil || !bytes.Equal(back, text) {
		l.Fatalf("printed twice: %v\n%s\n%s", err, text, back)
	}
}
