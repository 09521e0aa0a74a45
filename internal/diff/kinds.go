package diff

import "slices"

// Direction is whether a change lets more through.
type Direction int

// The directions.
const (
	// Neutral changes accept exactly what was accepted before, as far as annotations
	// decide.
	Neutral Direction = iota
	// Stronger changes can only refuse more.
	Stronger
	// Unknown changes cannot be decided from the annotations. They count as Weaker.
	Unknown
	// Weaker changes accept what was refused before.
	Weaker
)

func (d Direction) String() string {
	return [...]string{"neutral", "stronger", "can't tell", "weaker"}[d]
}

// Kind describes one kind of change.
type Kind struct {
	// ID is stable, since allow files use it.
	ID string
	// Mirror is the kind of the reverse change; it may be ID.
	Mirror string
	// Direction is the direction of changes of the kind; some changes of a Weaker kind
	// may be Unknown.
	Direction Direction
	// SubjectKind says what such a change is about: "a method".
	SubjectKind string
	// Text describes the change; {s} is the subject, {w} the What, and {q} the What in
	// quotes.
	Text string
	// Gain is a sentence about what an attacker gains, or "".
	Gain string
	// Refs are the related rules of annotations.md.
	Refs []string
}

// Kinds returns every kind of change, in the order of the documentation.
func Kinds() []Kind {
	return slices.Concat(methodKinds(), tokenKinds(), claimKinds(), ruleKinds())
}

// byID returns the kinds by ID.
func byID() map[string]Kind {
	all := map[string]Kind{}
	for _, k := range Kinds() {
		all[k.ID] = k
	}
	return all
}

func refs(list ...string) []string { return list }

// ruleKinds returns the kinds for jwtctl.yaml: rules for every token of an issuer, and
// settings for all tokens and messages.
func ruleKinds() []Kind {
	return []Kind{
		{"issuer-rule-loosened", "issuer-rule-tightened", Weaker, "an issuer", "{s} has a weaker rule for its tokens: {w}",
			"Tokens of the issuer that were refused now pass, such as those for another service, of another type, or too old.", refs("A20")},
		{"issuer-rule-tightened", "issuer-rule-loosened", Stronger, "an issuer", "{s} has a stricter rule for its tokens: {w}", "", refs("A20")},
		{"check-loosened", "check-tightened", Weaker, "every token or message", "{s} is checked less strictly: {w}",
			"Tokens that have expired, or are not yet valid, pass for longer; or messages with undeclared fields pass.", refs("A31")},
		{"check-tightened", "check-loosened", Stronger, "every token or message", "{s} is checked more strictly: {w}", "", refs("A31")},
	}
}

func methodKinds() []Kind {
	return []Kind{
		{"bearer-not-validated", "bearer-validated", Weaker, "a method", "{s} no longer validates the bearer token",
			"Anyone who can reach the method can call it, without a token or with a forged one.", refs("A10", "A12")},
		{"bearer-validated", "bearer-not-validated", Stronger, "a method", "{s} now validates the bearer token", "", refs("A10", "A12")},
		{"message-not-validated", "message-validated", Weaker, "a method", "{s} no longer validates its request message",
			"A caller can put any value into the fields that a token protected.", refs("A10", "A12")},
		{"message-validated", "message-not-validated", Stronger, "a method", "{s} now validates its request message", "", refs("A10", "A12")},
		{"response-not-signed", "response-signed", Weaker, "a method", "{s} no longer signs its response",
			"Anyone between client and server can change the response, and no token reveals it.", refs("A12")},
		{"response-signed", "response-not-signed", Stronger, "a method", "{s} now signs its response", "", refs("A12")},
		{"open-signing-added", "open-signing-removed", Unknown, "a method", "{s} now signs its response, and is unprotected",
			"Anyone who may call the method gets signed tokens, and their content depends only on the service.", refs("A12")},
		{"open-signing-removed", "open-signing-added", Weaker, "a method", "{s}, which was unprotected, no longer signs its response",
			"Anyone between client and server can change the response, and no token reveals it.", refs("A12")},
		{"open-method-added", "open-method-removed", Weaker, "a method", "{s} is new and unprotected",
			"Anyone can call the method without a token.", refs("A10", "A11")},
		{"open-method-removed", "open-method-added", Stronger, "a method", "{s}, which was unprotected, was removed", "", refs("A10", "A11")},
		{"replaced-by-weaker", "replaced-by-stronger", Unknown, "a method", "{s} requires less than the method it may replace: {w}",
			"What the old method did may now be possible with a weaker token, or without one.", refs("A10", "A12")},
		{"replaced-by-stronger", "replaced-by-weaker", Stronger, "a method", "{s} requires more than the method it may replace: {w}", "", refs("A10", "A12")},
		{"method-added", "method-removed", Neutral, "a method", "{s} is new{w}", "", refs("A10")},
		{"method-removed", "method-added", Neutral, "a method", "{s} was removed{w}", "", refs("A10")},
		{"method-renamed", "method-renamed", Neutral, "a method", "{s} was renamed from {w}", "", refs("A10")},
		{"service-renamed", "service-renamed", Neutral, "a service", "{s} was renamed from {w}", "", refs("A10")},
		{"message-type-changed", "message-type-changed", Neutral, "a method or a field", "{s} has a message of another type, which is compared with the old one: {w}", "", refs("A12", "A49")},
		{"message-added", "message-removed", Neutral, "a message", "{s}, which has a token, is new", "", refs("A40")},
		{"message-removed", "message-added", Neutral, "a message", "{s}, which had a token, was removed", "", refs("A40")},
	}
}

func tokenKinds() []Kind {
	return []Kind{
		{"issuer-added", "issuer-removed", Weaker, "a method or a token", "{s} accepts one more issuer: {q}",
			"Anyone with a token of that issuer passes, with any claims that the issuer chooses.", refs("A32", "A50")},
		{"issuer-removed", "issuer-added", Stronger, "a method or a token", "{s} no longer accepts one issuer: {q}", "", refs("A32", "A50")},
		{"issuers-dropped", "issuers-required", Weaker, "a method or a token", "{s} accepts tokens of any issuer: it was {w}",
			"A token of any issuer with a configured key passes, and so does one without an issuer.", refs("A20", "A32", "A50")},
		{"issuers-required", "issuers-dropped", Stronger, "a method or a token", "{s} now requires an issuer: {w}", "", refs("A32", "A50")},
		{"static-claim-removed", "static-claim-added", Weaker, "a method or a token", "{s} no longer requires a static claim: {q}",
			"Any otherwise valid token passes, whatever its role or purpose.", refs("A33", "A75")},
		{"static-claim-added", "static-claim-removed", Stronger, "a method or a token", "{s} now requires a static claim: {q}", "", refs("A33", "A75")},
		{"static-value-removed", "static-value-added", Weaker, "a method or a token", "{s} no longer requires a value of a static claim: {w}",
			"Tokens without that value pass.", refs("A70", "A75")},
		{"static-value-added", "static-value-removed", Stronger, "a method or a token", "{s} now requires a value of a static claim: {w}", "", refs("A70", "A75")},
		{"static-pattern-removed", "static-pattern-added", Weaker, "a method or a token", "{s} no longer requires a match of a pattern: {w}",
			"Tokens that the pattern refused pass.", refs("A71", "A75")},
		{"static-pattern-added", "static-pattern-removed", Stronger, "a method or a token", "{s} now requires a match of a pattern: {w}", "", refs("A71", "A75")},
		{"static-pattern-widened", "static-pattern-narrowed", Weaker, "a method or a token", "{s} has a pattern that accepts more: {w}",
			"Tokens that the old pattern refused pass.", refs("A71", "A75")},
		{"static-pattern-narrowed", "static-pattern-widened", Stronger, "a method or a token", "{s} has a pattern that accepts less: {w}", "", refs("A71", "A75")},
		{"static-pattern-changed", "static-pattern-changed", Unknown, "a method or a token", "{s} has another pattern, which may accept more: {w}",
			"Tokens that the old pattern refused may pass.", refs("A71", "A75")},
		{"token-not-required", "token-required", Weaker, "a message", "{s} no longer needs its own token",
			"Messages that were refused for an invalid or missing token pass with any content.", refs("A40", "A41")},
		{"token-required", "token-not-required", Stronger, "a message", "{s} now needs its own token", "", refs("A40", "A41")},
		{"bearer-replaces-token", "token-replaces-bearer", Weaker, "a message", "{s} is checked against the bearer token instead of its own token",
			"Anyone who may call the method needs no token made for the message, and can send each claim of the bearer token again and again.", refs("A40")},
		{"token-replaces-bearer", "bearer-replaces-token", Unknown, "a message", "{s} is checked against its own token instead of the bearer token",
			"A message that contradicts the caller's bearer token passes, with a token that may have been made for someone else.", refs("A40")},
		{"token-moved", "token-moved", Unknown, "a message", "{s} has its token in another field: {w}",
			"One field is no longer checked, and another now is; senders and readers may disagree about which one counts.", refs("A40")},
		{"nested-token-not-validated", "nested-token-validated", Weaker, "a field", "{s} holds messages whose own tokens are no longer validated",
			"Nested messages pass with any content, even without a token.", refs("A49")},
		{"nested-token-validated", "nested-token-not-validated", Stronger, "a field", "{s} holds messages whose own tokens are now validated", "", refs("A49")},
		{"bearer-claim-not-included", "bearer-claim-included", Weaker, "a token", "{s} no longer needs a claim of the bearer token: {q}",
			"A message token made for one caller can be sent by another.", refs("A51")},
		{"bearer-claim-included", "bearer-claim-not-included", Stronger, "a token", "{s} now needs a claim of the bearer token: {q}", "", refs("A51")},
		{"parent-claims-not-included", "parent-claims-included", Weaker, "a token", "{s} no longer needs the claims of the enclosing message",
			"A nested message can be moved, with its token, from one message into another.", refs("A52")},
		{"parent-claims-included", "parent-claims-not-included", Stronger, "a token", "{s} now needs the claims of the enclosing message", "", refs("A52")},
		{"parent-claim-shadowed", "parent-claim-unshadowed", Weaker, "a token", "{s} sets a claim itself, so the same claim of the enclosing message is no longer compared: {q}",
			"A nested message can be moved into another message that differs only in that claim.", refs("A52", "A61")},
		{"parent-claim-unshadowed", "parent-claim-shadowed", Stronger, "a token", "{s} no longer sets a claim itself, so the same claim of the enclosing message is compared: {q}", "", refs("A52", "A61")},
		{"expiry-longer", "expiry-shorter", Weaker, "a token", "{s} is signed with a longer lifetime: {w}",
			"A stolen token can be used for longer.", refs("A62")},
		{"expiry-shorter", "expiry-longer", Stronger, "a token", "{s} is signed with a shorter lifetime: {w}", "", refs("A62")},
		{"expiry-removed", "expiry-added", Weaker, "a token", "{s} is signed without an expiry: {w}",
			"A stolen token can be used forever.", refs("A62")},
		{"expiry-added", "expiry-removed", Stronger, "a token", "{s} is now signed with an expiry: {w}", "", refs("A62")},
		{"expiry-changed", "expiry-changed", Unknown, "a token", "{s} gets its expiry from another source: {w}",
			"If a claim of the message decides how long a token lives, anyone who sets it may choose a long time.", refs("A62")},
		{"signing-issuer-changed", "signing-issuer-changed", Unknown, "a token", "{s} is signed as another issuer: {w}",
			"The token names another issuer, and may be signed with its key, so readers may grant it what they grant that issuer.", refs("A23", "A61")},
	}
}

func claimKinds() []Kind {
	return []Kind{
		{"claim-not-compared", "claim-compared", Weaker, "a field", "{s} is no longer compared with its claim {q}",
			"A sender can put any value into the field, whatever the token says.", refs("A42", "A44")},
		{"claim-compared", "claim-not-compared", Stronger, "a field", "{s} is now compared with its claim {q}", "", refs("A42", "A44")},
		{"nested-claims-not-compared", "nested-claims-compared", Weaker, "a field", "{s} holds fields that are no longer compared with claims",
			"A sender can put any values into the nested message, whatever the token says.", refs("A45", "A46")},
		{"nested-claims-compared", "nested-claims-not-compared", Stronger, "a field", "{s} holds fields that are now compared with claims", "", refs("A45", "A46")},
		{"raw-claims-not-taken", "raw-claims-taken", Weaker, "a field", "{s} now holds what the sender put into it, not the claims of the token",
			"A sender can add any entry, and the service takes it to be a claim of the token.", refs("A47")},
		{"raw-claims-taken", "raw-claims-not-taken", Stronger, "a field", "{s} now holds the claims of the token, whatever the sender put into it", "", refs("A47")},
		{"extract-to-include", "include-to-extract", Weaker, "a field", "{s} is no longer filled from its claim when it is empty: {q}",
			"A sender can leave the field out to escape the claim: the service sees an empty field instead of the token's value.", refs("A42", "A44")},
		{"include-to-extract", "extract-to-include", Unknown, "a field", "{s} is now filled from its claim when it is empty: {q}",
			"A sender need not set the field any more: a message that the service may have refused as incomplete passes with only the token.", refs("A42", "A44")},
		{"claim-renamed", "claim-renamed", Unknown, "a field", "{s} is compared with another claim: {w}",
			"A token that was made for something else and has a claim with that name may pass.", refs("A48")},
		{"claim-action-changed", "claim-action-changed", Unknown, "a field", "{s} is compared differently: {w}",
			"A token that says less about the field, or says it elsewhere, may pass.", refs("A42", "A45", "A46", "A47")},
		{"field-changed", "field-changed", Unknown, "a field", "{s} has another type or number: {w}",
			"A value may match the claim that did not match in the old type, or reach a reader that knows the old field.", refs("A80", "A82")},
		{"field-not-required", "field-required", Weaker, "a field", "{s} is no longer required, and not checked if unset",
			"A sender can omit the field to avoid its claim or token.", refs("A42", "A49")},
		{"field-required", "field-not-required", Stronger, "a field", "{s} is now required, so it is always checked", "", refs("A42", "A49")},
		{"zero-not-compared", "zero-compared", Weaker, "a field", "{s} no longer has presence, so a zero value counts as empty and is not compared with its claim {q}",
			"A sender can set the field to 0, false or \"\" to avoid the claim.", refs("A42", "A43")},
		{"zero-compared", "zero-not-compared", Stronger, "a field", "{s} now has presence, so a zero value is compared with its claim {q}", "", refs("A42", "A43")},
	}
}
