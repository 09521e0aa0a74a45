package policytest

// Hazard is a construct that a policy should not have, of which lint must warn.
type Hazard string

// The hazards, each at most once in a schema.
const (
	NoHazard           Hazard = ""
	DefaultValue       Hazard = "an INCLUDE field with a declared default"
	NonzeroEnum        Hazard = "an INCLUDE field of a closed enum whose first value is not 0"
	OptionalTokens     Hazard = "a request whose only tokens are nested and can be left out"
	FreeOneofMember    Hazard = "INCLUDE in a oneof with a member that makes no claim"
	UnannotatedToken   Hazard = "a field without annotation whose message has a token"
	UnannotatedMap     Hazard = "a map without annotation whose messages have tokens"
	UnannotatedAny     Hazard = "an Any, next to messages with tokens that it could hold"
	BearerWithoutClaim Hazard = "validate_bearer_token without one claim"
	EmptyWalk          Hazard = "NEST or DESCEND of a message without annotations"
	Unspecified        Hazard = "validate: UNSPECIFIED"
)

// Hazards are all of them.
func Hazards() []Hazard {
	return []Hazard{DefaultValue, NonzeroEnum, OptionalTokens, FreeOneofMember, UnannotatedToken, UnannotatedMap, UnannotatedAny, BearerWithoutClaim, EmptyWalk, Unspecified}
}

// unsigned reports whether h puts messages with tokens where signing does not
// reach them.
func (h Hazard) unsigned() bool {
	return h == UnannotatedToken || h == UnannotatedMap || h == UnannotatedAny
}
