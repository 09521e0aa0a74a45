package fault

// Code names a kind of failure. Scripts match on it, so a code never changes
// its meaning.
type Code string

// Codes for tokens (A36 and stricter checks).
const (
	TokenMissing        Code = "token_missing"
	TokenMalformed      Code = "token_malformed"
	SignatureInvalid    Code = "signature_invalid"
	KeyNotFound         Code = "key_not_found"
	AlgorithmNotAllowed Code = "algorithm_not_allowed"
	TokenExpired        Code = "token_expired"
	TokenNotYetValid    Code = "token_not_yet_valid"
	IssuerNotAllowed    Code = "issuer_not_allowed"
	AudienceNotAllowed  Code = "audience_not_allowed"
	SubjectNotAllowed   Code = "subject_not_allowed"
	ClaimMissing        Code = "claim_missing"
	TokenTooOld         Code = "token_too_old"
	LifetimeTooLong     Code = "lifetime_too_long"
	TypeNotAllowed      Code = "type_not_allowed"
	InvalidClaim        Code = "invalid_claim"
	PayloadNotClaims    Code = "payload_not_claims"
	LimitExceeded       Code = "limit_exceeded"
)

// Codes for messages with tokens (annotations.md section 5).
const (
	MessageMalformed    Code = "message_malformed"
	ClaimMismatch       Code = "claim_mismatch"
	StaticClaimMismatch Code = "static_claim_mismatch"
	ClaimConflict       Code = "claim_conflict"
	MethodUnknown       Code = "method_unknown"
	NotChecked          Code = "not_checked"
	RequestCount        Code = "request_count"
	EncodingUnknown     Code = "encoding_unknown"
	ClaimFromClient     Code = "claim_from_client"
)

// Codes that only explain-denial uses (temporal.md section 4).
const (
	HeaderMalformed       Code = "header_malformed"
	KeyIDMissing          Code = "key_id_missing"
	RoleMissing           Code = "role_missing"
	PermissionIneffective Code = "permission_ineffective"
	NamespaceMissing      Code = "namespace_missing"
)

// Codes for keys and key sets.
const (
	KeyUnreadable       Code = "key_unreadable"
	KeyFormatUnknown    Code = "key_format_unknown"
	KeyMultipleBlocks   Code = "key_multiple_blocks"
	KeyTrailingData     Code = "key_trailing_data"
	KeyEncrypted        Code = "key_encrypted"
	KeyInvalid          Code = "key_invalid"
	KeyWeak             Code = "key_weak"
	KeyTypeUnsupported  Code = "key_type_unsupported"
	KeyUseMismatch      Code = "key_use_mismatch"
	KeyAlgMismatch      Code = "key_algorithm_mismatch"
	KeyNotPrivate       Code = "key_not_private"
	KeyIsCertificate    Code = "key_is_certificate"
	KeyIsSecret         Code = "key_is_secret"
	KeyPermissions      Code = "key_permissions"
	KeyAmbiguous        Code = "key_ambiguous"
	KeySetMixed         Code = "key_set_mixed"
	KeySetEmpty         Code = "key_set_empty"
	KeySetUnavailable   Code = "key_set_unavailable"
	KeySetURLNotAllowed Code = "key_set_url_not_allowed"
)

// Codes for descriptors and their annotations.
const (
	DescriptorUnreadable Code = "descriptor_unreadable"
	DescriptorInvalid    Code = "descriptor_invalid"
	DescriptorLimit      Code = "descriptor_limit"
	ProtoSyntax          Code = "proto_syntax"
	ImportNotFound       Code = "import_not_found"
	ImportNotAllowed     Code = "import_not_allowed"
	AnnotationUnreadable Code = "annotation_unreadable"
	PolicyInvalid        Code = "policy_invalid"
	PolicyFaulty         Code = "policy_faulty"
)

// Codes for the tool itself.
const (
	UsageError    Code = "usage"
	ConfigInvalid Code = "config_invalid"
	FileExists    Code = "file_exists"
	FileConflict  Code = "file_conflict"
	KeyMissing    Code = "key_missing"
	FileNotPlain  Code = "file_not_plain"
	FileFailed    Code = "file_failed"
	FileTooLarge  Code = "file_too_large"
	ListenFailed  Code = "listen_failed"
	Interrupted   Code = "interrupted"
	AccessDenied  Code = "access_denied"
	// AccessUndecided: the answer depends on facts that were not given.
	AccessUndecided Code = "access_undecided"
	// SetupFaulty: doctor found an error in the setup of a server.
	SetupFaulty Code = "setup_faulty"
	Internal    Code = "internal"
)

// Class groups failures by what the caller should do. Its number is the exit status
// (cli.md, "Exit codes").
type Class int

// The four possible outcomes of a command.
const (
	Done      Class = 0
	Refused   Class = 1
	Usage     Class = 2
	Undecided Class = 3
)

// GRPC is a gRPC status code by its number (google.rpc.Code). It is a separate type so
// that programs that do not use gRPC need not link grpc-go.
type GRPC uint32

// The status codes that failures map to (A36).
const (
	GRPCUnknown           GRPC = 2
	GRPCInvalidArgument   GRPC = 3
	GRPCPermissionDenied  GRPC = 7
	GRPCResourceExhausted GRPC = 8
	GRPCFailedPrecond     GRPC = 9
	GRPCUnimplemented     GRPC = 12
	GRPCInternal          GRPC = 13
	GRPCUnavailable       GRPC = 14
	GRPCUnauthenticated   GRPC = 16
)

// String returns the code's name in google.rpc.Code, or UNKNOWN for an undefined number,
// as clients treat it.
func (g GRPC) String() string {
	names := [...]string{
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
		"UNAUTHENTICATED",
	}
	if int(g) < len(names) {
		return names[g]
	}
	return names[GRPCUnknown]
}

// Row describes a code.
type Row struct {
	Code    Code
	Class   Class
	GRPC    GRPC
	Meaning string
}

// Table yields a Row for every code, in print order. It allocates nothing, because every
// refusal looks up its code.
func Table(yield func(Row) bool) {
	_ = yield(Row{TokenMissing, Refused, GRPCUnauthenticated, "a required token is missing"}) &&
		yield(Row{TokenMalformed, Refused, GRPCUnauthenticated, "not a valid compact JWS"}) &&
		yield(Row{SignatureInvalid, Refused, GRPCUnauthenticated, "the signature does not match the key"}) &&
		yield(Row{KeyNotFound, Refused, GRPCUnauthenticated, "no configured key has the token's issuer and key id"}) &&
		yield(Row{AlgorithmNotAllowed, Refused, GRPCUnauthenticated, "alg does not match the key, or is unknown"}) &&
		yield(Row{TokenExpired, Refused, GRPCUnauthenticated, "the token has expired"}) &&
		yield(Row{TokenNotYetValid, Refused, GRPCUnauthenticated, "nbf or iat is in the future"}) &&
		yield(Row{IssuerNotAllowed, Refused, GRPCUnauthenticated, "iss is not an accepted issuer"}) &&
		yield(Row{AudienceNotAllowed, Refused, GRPCUnauthenticated, "aud does not contain an accepted audience"}) &&
		yield(Row{SubjectNotAllowed, Refused, GRPCPermissionDenied, "sub is not the accepted subject"}) &&
		yield(Row{ClaimMissing, Refused, GRPCPermissionDenied, "a required claim is missing"}) &&
		yield(Row{TokenTooOld, Refused, GRPCUnauthenticated, "iat is older than max_age allows"}) &&
		yield(Row{LifetimeTooLong, Refused, GRPCUnauthenticated, "exp is further from iat than max_lifetime allows"}) &&
		yield(Row{TypeNotAllowed, Refused, GRPCUnauthenticated, "the header's typ is not the required one"}) &&
		yield(Row{InvalidClaim, Refused, GRPCUnauthenticated, "a registered claim has a type or value that RFC 7519 does not allow"}) &&
		yield(Row{PayloadNotClaims, Refused, GRPCUnauthenticated, "the signature is valid, but the payload is not a JSON object"}) &&
		yield(Row{LimitExceeded, Refused, GRPCInvalidArgument, "exceeds a size or depth limit"}) &&
		yield(Row{MessageMalformed, Refused, GRPCInvalidArgument, "not a valid message of its type, or ambiguous between readers"}) &&
		yield(Row{StaticClaimMismatch, Refused, GRPCPermissionDenied, "a static claim is missing, or has another value"}) &&
		yield(Row{ClaimConflict, Refused, GRPCInternal, "the claims of a message to sign conflict with its fields, with each other, or with the rules for its issuer"}) &&
		yield(Row{ClaimMismatch, Refused, GRPCPermissionDenied, "a claim differs from its field"}) &&
		yield(Row{MethodUnknown, Refused, GRPCUnimplemented, "the descriptors have no method with exactly this path"}) &&
		yield(Row{EncodingUnknown, Refused, GRPCUnimplemented, "a message that must be read uses an unknown compression"}) &&
		yield(Row{RequestCount, Refused, GRPCUnimplemented, "a method with a single request message got none or several"}) &&
		yield(Row{ClaimFromClient, Refused, GRPCPermissionDenied, "the client sent a header that the server would read as a claim, and the proxy in front cannot remove it"}) &&
		yield(Row{NotChecked, Refused, GRPCFailedPrecond, "nothing to check in the message, but a check is required"}) &&
		yield(Row{AccessDenied, Refused, GRPCPermissionDenied, "the server would deny the call"}) &&
		yield(Row{SetupFaulty, Refused, GRPCFailedPrecond, "doctor found errors in a server's setup"}) &&
		yield(Row{HeaderMalformed, Refused, GRPCPermissionDenied, "the authorization header is not \"Bearer \" followed by a token"}) &&
		yield(Row{KeyIDMissing, Refused, GRPCPermissionDenied, "the token has no kid, which a Temporal server requires"}) &&
		yield(Row{RoleMissing, Refused, GRPCPermissionDenied, "the token has no role that is high enough for the call"}) &&
		yield(Row{PermissionIneffective, Refused, GRPCPermissionDenied, "a permission has no effect: the server ignores it, or it is for another scope"}) &&
		yield(Row{NamespaceMissing, Refused, GRPCPermissionDenied, "the call has no namespace, so the token's roles do not apply"}) &&

		yield(Row{UsageError, Usage, GRPCInvalidArgument, "wrong flags or arguments"}) &&
		yield(Row{ConfigInvalid, Usage, GRPCFailedPrecond, "the configuration file or a variable is invalid"}) &&
		yield(Row{KeyMissing, Usage, GRPCFailedPrecond, "no configured key can make this signature"}) &&
		yield(Row{FileExists, Usage, GRPCFailedPrecond, "the output file exists"}) &&
		yield(Row{FileConflict, Usage, GRPCFailedPrecond, "the output is also an input or another output"}) &&

		yield(Row{KeyUnreadable, Undecided, GRPCUnavailable, "a key file cannot be read"}) &&
		yield(Row{KeyFormatUnknown, Undecided, GRPCUnavailable, "not PEM, JWK or JWKS, or an unsupported PEM block"}) &&
		yield(Row{KeyMultipleBlocks, Undecided, GRPCUnavailable, "a PEM file contains more than one key"}) &&
		yield(Row{KeyTrailingData, Undecided, GRPCUnavailable, "extra data before or after the key"}) &&
		yield(Row{KeyEncrypted, Undecided, GRPCUnavailable, "the key is encrypted with a passphrase"}) &&
		yield(Row{KeyInvalid, Undecided, GRPCUnavailable, "the key is mathematically invalid"}) &&
		yield(Row{KeyWeak, Undecided, GRPCUnavailable, "the key is too short or known to be broken"}) &&
		yield(Row{KeyTypeUnsupported, Undecided, GRPCUnavailable, "a key type or curve that jwtctl does not support"}) &&
		yield(Row{KeyUseMismatch, Undecided, GRPCUnavailable, "the key is marked as not for signatures"}) &&
		yield(Row{KeyAlgMismatch, Undecided, GRPCUnavailable, "the algorithm does not fit the key"}) &&
		yield(Row{KeyNotPrivate, Undecided, GRPCUnavailable, "a public key was given where a private key is required"}) &&
		yield(Row{KeyIsCertificate, Undecided, GRPCUnavailable, "a certificate was given where a private key is required"}) &&
		yield(Row{KeyIsSecret, Undecided, GRPCUnavailable, "a shared secret was given where a public key is required"}) &&
		yield(Row{KeyPermissions, Undecided, GRPCUnavailable, "others can read the private key, and strict permissions are on"}) &&
		yield(Row{KeyAmbiguous, Undecided, GRPCUnavailable, "two different keys have the same id"}) &&
		yield(Row{KeySetMixed, Undecided, GRPCUnavailable, "a key set contains both secrets and public keys"}) &&
		yield(Row{KeySetEmpty, Undecided, GRPCUnavailable, "a key set has no usable key"}) &&
		yield(Row{KeySetUnavailable, Undecided, GRPCUnavailable, "a key set cannot be fetched"}) &&
		yield(Row{KeySetURLNotAllowed, Undecided, GRPCUnavailable, "a key set's URL is not allowed"}) &&
		yield(Row{DescriptorUnreadable, Undecided, GRPCFailedPrecond, "a .proto file, directory, pattern or descriptor set cannot be read"}) &&
		yield(Row{DescriptorInvalid, Undecided, GRPCFailedPrecond, "not a descriptor set, or its files are inconsistent"}) &&
		yield(Row{DescriptorLimit, Undecided, GRPCFailedPrecond, "the descriptors exceed a size or depth limit"}) &&
		yield(Row{ProtoSyntax, Undecided, GRPCFailedPrecond, "a .proto file does not compile"}) &&
		yield(Row{ImportNotFound, Undecided, GRPCFailedPrecond, "an imported file was not found"}) &&
		yield(Row{ImportNotAllowed, Undecided, GRPCFailedPrecond, "a file or import is outside the import paths"}) &&
		yield(Row{AnnotationUnreadable, Undecided, GRPCFailedPrecond, "an annotation cannot be read, or its schema is redefined"}) &&
		yield(Row{PolicyFaulty, Refused, GRPCFailedPrecond, "lint found problems"}) &&
		yield(Row{PolicyInvalid, Undecided, GRPCFailedPrecond, "the annotations have an error that jwtctl lint reports; such a policy is never used"}) &&
		yield(Row{AccessUndecided, Undecided, GRPCUnavailable, "the answer depends on something that was not given"}) &&
		yield(Row{FileNotPlain, Undecided, GRPCInternal, "the output is a link, directory, device or pipe"}) &&
		yield(Row{FileFailed, Undecided, GRPCInternal, "a file or stream could not be read or written"}) &&
		yield(Row{FileTooLarge, Undecided, GRPCInternal, "a file exceeds its size limit"}) &&
		yield(Row{ListenFailed, Undecided, GRPCInternal, "cannot listen on the address"}) &&
		yield(Row{Interrupted, Undecided, GRPCUnavailable, "interrupted by a signal"}) &&
		yield(Row{Internal, Undecided, GRPCInternal, "internal error (a bug in jwtctl)"})
}

// Lookup returns the row of code. An unknown code is an internal error.
func Lookup(code Code) Row {
	for r := range Table {
		if r.Code == code {
			return r
		}
	}
	return Row{code, Undecided, GRPCInternal, "internal error (a bug in jwtctl)"}
}

// ClassOf returns the class of err: the most severe class in its tree, so a list of
// refusals that includes an unreadable file is undecided. An error without a code is
// undecided too. See RefuseIfAny for the exception.
func ClassOf(err error) Class {
	switch e := err.(type) {
	case nil:
		return Done
	case *Error:
		return Lookup(e.Code).Class
	case refusal:
		return Refused
	case interface{ Unwrap() error }:
		if below := e.Unwrap(); below != nil {
			return ClassOf(below)
		}
	case interface{ Unwrap() []error }:
		worst := Done
		for _, one := range e.Unwrap() {
			worst = max(worst, ClassOf(one))
		}
		if worst != Done {
			return worst
		}
	}
	return Undecided
}
