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

// trials is the number of messages for each random schema.
const trials = 6

// TestMovedTokensVouchForNothingElse: a subtree that was moved, dropped, swapped or
// duplicated with its token is refused, or no checked value changes. S83, A49, A52.
//
// If parents were compared before EXTRACT fills them in (in Verifier.Message, the loop
// over w.inherits before the one over w.fills), this would fail after 71, 307 and 1183
// schemas with seeds 2, 3 and 1.
func TestMovedTokensVouchForNothingElse(t *testing.T) {
	law(t, policytest.SchemaOptions{}, policytest.Attack{Tamper: true})
}

// TestWrongWireTypesShowNoReaderAnotherValue: in messages with fields of wrong wire
// types, even the most lenient reader sees what the tokens say. S82, A38.
//
// Without otherWireType in settler.unknown (internal/message), this would fail within 3
// schemas.
func TestWrongWireTypesShowNoReaderAnotherValue(t *testing.T) {
	law(t, policytest.SchemaOptions{}, policytest.Attack{Wire: policytest.Hostile{WrongTypes: true}})
}

// TestDuplicateFieldsShowNoReaderAnotherValue: the same with duplicate fields and other
// members of a oneof, also within an Any. S82, A38.
//
// If the value of an Any were passed on as received (no m.Set in settler.any of
// internal/message), this would fail after 17, 60 and 89 schemas with seeds 3, 1 and 2.
func TestDuplicateFieldsShowNoReaderAnotherValue(t *testing.T) {
	law(t, policytest.SchemaOptions{}, policytest.Attack{Wire: policytest.Hostile{Twice: true}})
}

// TestWhereLintIsSilentEveryAnnotatedValueIsChecked: if lint reports nothing, no accepted
// request lacks a token, and every annotated value is in one. S83, A43, A49.
//
// Without any one of these rules in internal/lint/rules.go, this would fail after 0 to
// 113 schemas (seeds 1 and 2): claim-with-default, every-token-optional, claim-in-oneof,
// token-not-validated, token-without-claims, walk-without-claims, mode-unspecified.
func TestWhereLintIsSilentEveryAnnotatedValueIsChecked(t *testing.T) {
	law(t, policytest.SchemaOptions{Hazards: policytest.Hazards()}, policytest.Attack{Tamper: true})
}

// TestLawsOfVerificationUnderEveryAttack: all attacks at once. S83.
func TestLawsOfVerificationUnderEveryAttack(t *testing.T) {
	law(t, policytest.SchemaOptions{Hazards: policytest.Hazards()}, policytest.Attack{Tamper: true, Wire: policytest.Hostile{Twice: true, WrongTypes: true}})
}

// law checks the laws of S83 for random schemas and attacks of one kind:
//   - What was accepted is accepted again, in protobuf and as verify --print writes it.
//   - What any reader sees in annotated fields, including defaults and filled fields,
//     is in a token that was checked, or lint warns about the construct.
//   - Under each token is what was there when it was signed, or less.
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
	warned []string // the rules with which lint warns
	// signed is what a reader saw under each token when it was signed.
	signed map[string]map[string]string
}

// record records what readers see in the given messages.
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
				maps.Copy(l.signed[token], report.Under[i]) // two messages can have the same token
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

// reader is a protobuf implementation that reads accepted messages.
type reader struct {
	name string
	read func(wire []byte) (*dynamicpb.Message, bool)
}

// readers returns Go and the most lenient reader possible.
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
			l.Fatalf("neither accepted nor refused: %v\n%x\n%s", err, wire, l.Schema.Text)
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
			if l.Schema.Hazard == policytest.Unspecified { // it checks nothing at all
				d.Hazard = policytest.Unspecified
			}
			if d.Hazard == policytest.NoHazard || len(l.warned) == 0 {
				l.Fatalf("accepted without a lint warning (%q)\n%s: %s\nin  %x\nout %x\n%v\n%s", d.Hazard, r.name, d.Text, wire, out, seen, l.Schema.Text)
			}
		}
		if l.Method.Request != nil {
			l.asSigned(report, r.name, out)
		}
	}
}

// asSigned checks that what the reader sees under a token was there when it was signed.
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

// again checks that an accepted message is accepted again, unchanged.
func (l *lab) again(out []byte, m *dynamicpb.Message, g policytest.Given) {
	twice, _, err := l.Accept(out, g.Bearer)
	if err != nil || !bytes.Equal(twice, out) {
		l.Fatalf("an accepted message is refused: %v\n%x\n%x\n%s", err, out, twice, l.Schema.Text)
	}
	text, err := l.Codec.Write(m, message.Form{})
	if err != nil {
		if fault.Has(err, fault.MessageMalformed) { // JSON cannot represent an undeclared field
			return
		}
		l.Fatal(err)
	}
	printed, err := l.Codec.Read(text, l.Method.Desc.Input())
	if err == nil && l.Method.Request != nil {
		_, err = l.Verifier.Message(context.Background(), l.Method.Request, printed, g.Bearer)
	}
	if err != nil {
		l.Fatalf("the output of verify is refused: %v\n%s\n%s", err, text, l.Schema.Text)
	}
	if back, err := l.Codec.Write(printed, message.Form{}); err != nil || !bytes.Equal(back, text) {
		l.Fatalf("the second output differs: %v\n%s\n%s", err, text, back)
	}
}
