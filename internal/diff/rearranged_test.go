package diff

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/policytest"
)

// rearrangement is a pair of versions that require the same in another place, or seem to.
// verdict is the most severe direction of the changes.
type rearrangement struct {
	name, old, new string
	verdict        Direction
	change         string // one of them, as "kind subject"; "" if there is none
	why            string
}

// service returns the text of a service; a method is "name input output", optionally
// followed by "open" or its option.
func service(name, option string, methods ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "service %s {", name)
	if option != "" {
		fmt.Fprintf(&b, " option (kalix.service).jwt = {%s};", option)
	}
	for _, m := range methods {
		part := strings.SplitN(m, " ", 4)
		if b.WriteString(" rpc " + part[0] + "(" + part[1] + ") returns (" + part[2] + ")"); len(part) == 3 {
			b.WriteString(";")
			continue
		}
		fmt.Fprintf(&b, " { option (kalix.method).jwt = {%s}; }", strings.TrimPrefix(part[3], "open"))
	}
	return b.String() + " }\n"
}

const (
	bearer1  = "validate: BEARER_TOKEN"
	byOne    = `validate: BEARER_TOKEN bearer_token_issuer: "one"`
	byTwo    = `validate: BEARER_TOKEN bearer_token_issuer: "two"`
	messages = "message A {} message B {} message C {} message D {}\n"
)

func rearrangements() []rearrangement {
	file := func(parts ...string) string { return strings.Join(parts, "") + messages }
	rest := service("Rest", bearer1, "Keep C C")
	open := service("Open", "", "Health D D")
	other := strings.Replace(policytest.Header, "package t;", "package u;", 1)
	return append([]rearrangement{
		// Moves.
		{"moves: a guarded method into an open service", file(service("S", bearer1, "Do A B", "Stay C C"), open), file(service("S", bearer1, "Stay C C"), service("Open", "", "Health D D", "Do A B")),
			Weaker, "bearer-not-validated t.Open/Do", "the method is the same, by name and messages, and the new service does not guard it"},
		{"moves: into a guarded service", file(service("S", bearer1, "Do A B", "Stay C C"), rest), file(service("S", bearer1, "Stay C C"), service("Rest", bearer1, "Keep C C", "Do A B")),
			Neutral, "method-renamed t.Rest/Do", "both services require the same"},
		{"moves: into a service of another issuer", file(service("S", byOne, "Do A B", "Stay C C"), service("T", byTwo, "Keep D D")), file(service("S", byOne, "Stay C C"), service("T", byTwo, "Keep D D", "Do A B")),
			Weaker, "issuer-added t.T/Do", "tokens of issuer two are now accepted"},
		{"moves: an open method into a guarded service", file(open, service("S", bearer1, "Do A B")), file(service("S", bearer1, "Do A B", "Health D D")),
			Stronger, "bearer-validated t.S/Health", "it can only refuse more"},
		{"moves: into a new service, which is open", file(service("S", bearer1, "Do A B", "Stay C C")), file(service("S", bearer1, "Stay C C"), service("New", "", "Do A B")),
			Weaker, "bearer-not-validated t.New/Do", "the new service has no policy"},
		{"moves: into a guarded service, with its own, empty option", file(service("S", bearer1, "Do A B", "Stay C C"), rest), file(service("S", bearer1, "Stay C C"), service("Rest", bearer1, "Keep C C", "Do A B open")),
			Weaker, "bearer-not-validated t.Rest/Do", "its own option replaces the service's"},
		{"moves: into an open service, and renamed", file(service("S", bearer1, "Do A B", "Stay C C"), open), file(service("S", bearer1, "Stay C C"), service("Open", "", "Health D D", "Perform A B")),
			Unknown, "replaced-by-weaker t.Open/Perform", "it has the messages of the removed method"},
		{"moves: into an open service, with other messages", file(service("S", bearer1, "Do A B", "Stay C C"), open), file(service("S", bearer1, "Stay C C"), service("Open", "", "Health D D", "Do B A")),
			Unknown, "replaced-by-weaker t.Open/Do", "it has the name of the removed method"},
		{"moves: an open method is new, with another name and other messages", file(service("S", bearer1, "Do A B", "Stay C C"), open), file(service("S", bearer1, "Stay C C"), service("Open", "", "Health D D", "Other B A")),
			Neutral, "method-added t.Open/Other", "nothing connects it with the removed method, and its service was already open"},
		{"moves: a copy in an open service", file(service("S", bearer1, "Do A B"), open), file(service("S", bearer1, "Do A B"), service("Open", "", "Health D D", "Do A B")),
			Unknown, "open-method-added t.Open/Do", "the same call may now be possible without a token"},
		{"moves: a copy in a guarded service", file(service("S", bearer1, "Do A B"), rest), file(service("S", bearer1, "Do A B"), service("Rest", bearer1, "Keep C C", "Do A B")),
			Neutral, "method-added t.Rest/Do", "it requires the same"},
		{"moves: a guarded method is removed, and an open one with the same messages existed before", file(service("S", bearer1, "Do A B", "Stay C C"), service("Open", "", "Look A B")), file(service("S", bearer1, "Stay C C"), service("Open", "", "Look A B")),
			Neutral, "method-removed t.S/Do", "the open one was already open, under its own name"},

		// Splits.
		{"split: a guarded service into two guarded ones", file(service("S", bearer1, "Do A B", "Get C D")), file(service("S", bearer1, "Do A B"), service("T", bearer1, "Get C D")),
			Neutral, "method-renamed t.T/Get", "each half requires what the whole did"},
		{"split: one half is open", file(service("S", bearer1, "Do A B", "Get C D")), file(service("S", bearer1, "Do A B"), service("T", "", "Get C D")),
			Weaker, "bearer-not-validated t.T/Get", "the policy stayed with the first half"},
		{"split: both halves renamed, one is open", file(service("S", bearer1, "Do A B", "Get C D")), file(service("X", bearer1, "Do A B"), service("Y", "", "Get C D")),
			Weaker, "bearer-not-validated t.Y/Get", "methods are matched by name and messages, whatever their services are called"},
		{"split: an open service", file(service("S", "", "Do A B", "Get C D")), file(service("S", "", "Do A B"), service("T", "", "Get C D")),
			Neutral, "method-renamed t.T/Get", "it was open before"},
		{"split: the option moves from the service to its methods", file(service("S", bearer1, "Do A B", "Get C D")), file(service("S", "", "Do A B "+bearer1), service("T", "", "Get C D "+bearer1)),
			Neutral, "method-renamed t.T/Get", "effective policies are compared"},

		// Merges.
		{"merge: two guarded services", file(service("S", bearer1, "Do A B"), service("T", bearer1, "Get C D")), file(service("U", bearer1, "Do A B", "Get C D")),
			Neutral, "method-renamed t.U/Get", "the new one requires what both did"},
		{"merge: two guarded services into an open one", file(service("S", bearer1, "Do A B"), service("T", bearer1, "Get C D")), file(service("U", "", "Do A B", "Get C D")),
			Weaker, "bearer-not-validated t.U/Do", "the open service has neither policy"},
		{"merge: an open service into a guarded one", file(service("S", bearer1, "Do A B"), service("T", "", "Get C D")), file(service("S", bearer1, "Do A B", "Get C D")),
			Stronger, "bearer-validated t.S/Get", "it can only refuse more"},
		{"merge: a guarded service into an open one", file(service("S", bearer1, "Do A B"), service("T", "", "Get C D")), file(service("T", "", "Do A B", "Get C D")),
			Weaker, "bearer-not-validated t.T/Do", "the policy did not move with the methods"},
		{"merge: both services have a method of the same name, and the open one remains", file(service("S", bearer1, "Do A B"), service("T", "", "Do C D", "Get C D")), file(service("T", "", "Do C D", "Get C D")),
			Unknown, "replaced-by-weaker t.T/Do", "the open one may now do what the guarded one did"},
		{"merge: two guarded methods have the same name and messages, and so has one of a new, open service", file(service("S", bearer1, "Do A B"), service("T", bearer1, "Do A B")), file(service("U", "", "Do A B", "More C D")),
			Unknown, "replaced-by-weaker t.U/Do", "it may be either of them"},

		{"merge: a guarded method is renamed, and an open one with its name and messages comes from another service", file(service("S", bearer1, "Do A B"), service("U", "", "Do A B", "More C D")), file(service("S", bearer1, "Perform A B"), service("T", "", "Do A B", "More C D")),
			Unknown, "replaced-by-weaker t.T/Do", "it may be either of them"},
		{"merge: an open method takes the name and messages of a guarded one, whose service is renamed", file(service("S", bearer1, "Do A B"), service("U", "", "Put A B", "More C D")), file(service("T", bearer1, "Do A B"), service("U", "", "Do A B", "More C D")),
			Unknown, "replaced-by-weaker t.U/Do", "it may now do what the guarded one did"},

		// Renames.
		{"rename: a method, still guarded", file(service("S", bearer1, "Do A B", "Get C D")), file(service("S", bearer1, "Perform A B", "Get C D")),
			Neutral, "method-renamed t.S/Perform", "it is matched by its messages"},
		{"rename: a method, with an empty option", file(service("S", bearer1, "Do A B", "Get C D")), file(service("S", bearer1, "Perform A B open", "Get C D")),
			Weaker, "bearer-not-validated t.S/Perform", "its own option replaces the service's"},
		{"rename: a service, without its policy", file(service("S", bearer1, "Do A B", "Get C D")), file(service("T", "", "Do A B", "Get C D")),
			Weaker, "bearer-not-validated t.T/Do", "it is matched by its methods"},
		{"rename: two methods with the same messages, one of them now open", file(service("S", "", "Do A B "+bearer1, "Get A B "+bearer1)), file(service("S", "", "Make A B "+bearer1, "Read A B")),
			Weaker, "open-method-added t.S/Read", "an open method is new in a service with guarded ones"},
		{"rename: two methods with the same messages, one of them now for any issuer", file(service("S", "", "Do A B "+byOne, "Get A B "+byOne)), file(service("S", "", "Make A B "+byOne, "Read A B "+bearer1)),
			Unknown, "replaced-by-weaker t.S/Read", "it may be either, and both required an issuer"},
		{"rename: two methods with the same messages, both as before", file(service("S", bearer1, "Do A B", "Get A B")), file(service("S", bearer1, "Make A B", "Read A B")),
			Neutral, "method-added t.S/Make", "whichever is which, each requires the same"},
		{"rename: a guarded and an open method swap names", file(service("S", "", "Do A A "+bearer1, "Get B B")), file(service("S", "", "Do B B "+bearer1, "Get A A")),
			Unknown, "replaced-by-weaker t.S/Get", "messages of the guarded one now go to the open one"},
		{"rename: a message without a token", file(service("S", bearer1, "Do A B")), service("S", bearer1, "Do Z B") + strings.Replace(messages, "message A ", "message Z ", 1),
			Neutral, "", "methods are matched by name"},

		// Packages.
		{"package: another package", file(service("S", bearer1, "Do A B")), other + file(service("S", bearer1, "Do A B")), Neutral, "service-renamed u.S", "names without the package are the same"},
		{"package: another package, and open", file(service("S", bearer1, "Do A B")), other + file(service("S", "", "Do A B")), Weaker, "bearer-not-validated u.S/Do", "the policy did not move with the methods"},
	}, messageRearrangements()...)
}

func messageRearrangements() []rearrangement {
	claim := func(rest string) string { return in("", rest) }
	const amount = "string amount = 2 [(kalix.field).jwt = {claim: INCLUDE}];"
	two := func(fields, types string) string {
		return `syntax = "proto2"; package t; import "kalix/annotations.proto";
service S { rpc Do(M) returns (E) { option (kalix.method).jwt = {validate: MESSAGE}; } } message E {}
message M { required string tok = 1 [(kalix.field).jwt = {token: true}]; ` + fields + "}\n" + types
	}
	stream := func(in, out string) string {
		return `service S { rpc Do(` + in + `M) returns (` + out + `M) { option (kalix.method).jwt = {validate: BEARER_TOKEN validate: MESSAGE sign: MESSAGE}; } }
message M { string tok = 1 [(kalix.field).jwt = {token: true}]; ` + amount + ` }`
	}
	return []rearrangement{
		// Streaming.
		{"streaming: a unary method takes a stream", stream("", ""), stream("stream ", ""), Neutral, "", "each message of the stream is validated"},
		{"streaming: a stream becomes unary", stream("stream ", "stream "), stream("", ""), Neutral, "", "the one message is validated"},
		{"streaming: the response becomes a stream", stream("", ""), stream("", "stream "), Neutral, "", "each message of the stream is signed"},

		// Types.
		{"types: the request's type is renamed", in("", amount), strings.NewReplacer("(M)", "(N)", "message M", "message N").Replace(in("", amount)), Neutral, "message-type-changed t.S/Do", "the two are compared field by field"},
		{"types: the request has another type, whose token may have any issuer", in(`issuer: "i"`, amount), strings.NewReplacer("(M)", "(N)", "message M", "message N").Replace(in("", amount)),
			Weaker, "issuers-dropped t.N.tok", "the two are compared by what the method requires of its request"},
		{"types: a message moves into another one", in("", `C c = 2 [(kalix.field).jwt = {claim: NEST}];`), in("", `Outer.C c = 2 [(kalix.field).jwt = {claim: NEST}];`) + ` message Outer { message C { string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; } }`,
			Neutral, "message-type-changed t.M.c", "the two are compared field by field"},
		{"types: a claim has another type", claim(amount), claim(strings.Replace(amount, "string", "int64", 1)), Unknown, "field-changed t.M.amount", "another text may be a valid value now"},
		{"types: a claim is no longer required", two(`required string a = 2 [(kalix.field).jwt = {claim: INCLUDE}];`, ""), two(`optional string a = 2 [(kalix.field).jwt = {claim: INCLUDE}];`, ""),
			Weaker, "field-not-required t.M.a", "a sender can leave it out, and nothing is compared"},
		{"types: a default changes in a message that is a claim", two(`optional P p = 2 [(kalix.field).jwt = {claim: INCLUDE}];`, `message P { optional string s = 1; }`), two(`optional P p = 2 [(kalix.field).jwt = {claim: INCLUDE}];`, `message P { optional string s = 1 [default = "admin"]; }`),
			Unknown, "field-changed t.M.p", "readers see the default in messages that were made before"},
		{"types: the first value of an enum changes in a message that is a claim", two(`optional P p = 2 [(kalix.field).jwt = {claim: INCLUDE}];`, `message P { optional G g = 1; } enum G { NONE = 0; ADMIN = 1; }`), two(`optional P p = 2 [(kalix.field).jwt = {claim: INCLUDE}];`, `message P { optional G g = 1; } enum G { ADMIN = 1; NONE = 0; }`),
			Unknown, "field-changed t.M.p", "readers see it in messages that leave the field out"},
		{"types: the zero value of an enum has another name", claim(`G g = 2 [(kalix.field).jwt = {claim: INCLUDE}];`) + `enum G { NONE = 0; OTHER = 1; }`, claim(`G g = 2 [(kalix.field).jwt = {claim: INCLUDE}];`) + `enum G { ADMIN = 0; OTHER = 1; }`,
			Unknown, "field-changed t.M.g", "a zero is not compared, and readers see another value in it"},

		// Oneofs.
		{"oneof: a claim moves into a oneof with a field that is not a claim", claim(amount + "string note = 3;"), claim("oneof o {" + amount + " string note = 3; }"), Unknown, "field-changed t.M.amount", "a sender can set the other one in its place"},
		{"oneof: a claim moves into a oneof that has only claims", claim(amount + "string b = 3 [(kalix.field).jwt = {claim: INCLUDE}];"), claim("oneof o {" + amount + "string b = 3 [(kalix.field).jwt = {claim: INCLUDE}]; }"),
			Stronger, "zero-compared t.M.amount", "a member of a oneof has presence, so an empty text is now compared"},
		{"oneof: a oneof gets a member that is not a claim", claim("oneof o {" + amount + "}"), claim("oneof o {" + amount + " string note = 3; }"), Unknown, "field-changed t.M.amount", "a sender can set the new one in its place"},
		{"oneof: an EXTRACT field moves into a oneof", claim("string a = 2 [(kalix.field).jwt = {claim: EXTRACT}]; string note = 3;"), claim("oneof o { string a = 2 [(kalix.field).jwt = {claim: EXTRACT}]; string note = 3; }"),
			Stronger, "zero-compared t.M.a", "the token's value replaces the other member"},
		{"oneof: the token moves into a oneof", claim(amount), strings.Replace(claim(amount), "string tok = 1 [(kalix.field).jwt = {token: true }];", "oneof o { string tok = 1 [(kalix.field).jwt = {token: true}]; string note = 3; }", 1),
			Neutral, "", "a message without the token is refused"},

		// Numbers.
		{"numbers: a claim has another number", claim(amount), claim(strings.Replace(amount, "= 2", "= 3", 1)), Unknown, "field-changed t.M.amount", "readers that know the old number see a value that was not compared"},
		{"numbers: two claims swap their numbers", claim(amount + "string b = 3 [(kalix.field).jwt = {claim: INCLUDE}];"), claim("string amount = 3 [(kalix.field).jwt = {claim: INCLUDE}]; string b = 2 [(kalix.field).jwt = {claim: INCLUDE}];"),
			Unknown, "field-changed t.M.amount", "old messages have the values swapped"},
		{"numbers: a plain field takes the number of a claim", claim(amount), claim("string note = 2; string amount = 4 [(kalix.field).jwt = {claim: INCLUDE}];"), Unknown, "field-changed t.M.amount", "old readers read the plain field as the claim"},
		{"numbers: the token has another number", claim(amount), strings.Replace(claim(amount), "string tok = 1", "string tok = 9", 1), Neutral, "", "a message with its token at the old number is refused"},
	}
}

// TestRearrangements: each has its verdict, however far the policy was moved.
func TestRearrangements(t *testing.T) {
	rows := rearrangements()
	if len(rows) < 40 {
		t.Errorf("only %d rearrangements", len(rows))
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			a, b := policytest.Load(t, r.old), policytest.Load(t, r.new)
			there, back := compare(t, a, b), compare(t, b, a)
			mirrors(t, there, back)
			worst := Neutral
			for _, c := range there {
				worst = max(worst, c.Direction)
			}
			known := r.change == "" && len(there) == 0 || slices.ContainsFunc(there, func(c Change) bool { return c.Kind+" "+c.Subject == r.change && c.Direction == r.verdict })
			if r.old == r.new {
				t.Error("the two versions are equal")
			}
			if worst != r.verdict || !known || r.why == "" {
				t.Errorf("%s, want %s and %q, in\n%s", worst, r.verdict, r.change, textOf(t, there))
			}
		})
	}
}
