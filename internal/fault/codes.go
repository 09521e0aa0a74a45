package fault

// Code names a kind of failure. Scripts match on it, so a code never changes
// its meaning.
type Code string

// Codes of tokens (annotations.md A36, and the strict door's own).
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

// Codes of messages that tokens speak for (annotations.md section 5).
const (
	MessageMalformed    Code = "message_malformed"
	ClaimMismatch       Code = "claim_mismatch"
	StaticClaimMismatch Code = "static_claim_mismatch"
	ClaimConflict       Code = "claim_conflict"
	MethodUnknown       Code = "method_unknown"
)

// Codes of what a Temporal server misses beside them (temporal.md section 4).
const (
	HeaderMalformed       Code = "header_malformed"
	KeyIDMissing          Code = "key_id_missing"
	RoleMissing           Code = "role_missing"
	PermissionIneffective Code = "permission_ineffective"
	NamespaceMissing      Code = "namespace_missing"
)

// Codes of keys and key sets.
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

// Codes of descriptors and their annotations.
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

// Codes of the tool itself.
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
	Internal      Code = "internal"
)

// Class is what a failure means to the caller of the program; its number is
// the exit status (cli.md, "Exit codes").
type Class int

// The four answers a command can give.
const (
	Done      Class = 0
	Refused   Class = 1
	Usage     Class = 2
	Undecided Class = 3
)

// GRPC is a gRPC status code by its number (google.rpc.Code); a type of our own
// keeps grpc-go out of programs that never speak gRPC.
type GRPC uint32

// The status codes that a failure maps to (A36).
const (
	GRPCUnknown          GRPC = 2
	GRPCInvalidArgument  GRPC = 3
	GRPCPermissionDenied GRPC = 7
	GRPCFailedPrecond    GRPC = 9
	GRPCUnimplemented    GRPC = 12
	GRPCInternal         GRPC = 13
	GRPCUnavailable      GRPC = 14
	GRPCUnauthenticated  GRPC = 16
)

// String returns the code's name in google.rpc.Code.
func (g GRPC) String() string {
	switch g {
	case GRPCInvalidArgument:
		return "INVALID_ARGUMENT"
	case GRPCPermissionDenied:
		return "PERMISSION_DENIED"
	case GRPCFailedPrecond:
		return "FAILED_PRECONDITION"
	case GRPCUnimplemented:
		return "UNIMPLEMENTED"
	case GRPCInternal:
		return "INTERNAL"
	case GRPCUnavailable:
		return "UNAVAILABLE"
	case GRPCUnauthenticated:
		return "UNAUTHENTICATED"
	}
	return "UNKNOWN"
}

// Row says what a code means.
type Row struct {
	Code    Code
	Class   Class
	GRPC    GRPC
	Meaning string
}

// Table returns the meaning of every code, in the order to print them.
func Table() []Row {
	return []Row{
		{TokenMissing, Refused, GRPCUnauthenticated, "there is no token where one is needed"},
		{TokenMalformed, Refused, GRPCUnauthenticated, "not a compact JWS in its one strict spelling"},
		{SignatureInvalid, Refused, GRPCUnauthenticated, "the signature does not fit the key"},
		{KeyNotFound, Refused, GRPCUnauthenticated, "no configured key has the token's issuer and key id"},
		{AlgorithmNotAllowed, Refused, GRPCUnauthenticated, "the header's alg is not the key's, or not one jwtctl knows"},
		{TokenExpired, Refused, GRPCUnauthenticated, "exp has passed"},
		{TokenNotYetValid, Refused, GRPCUnauthenticated, "nbf or iat has not come yet"},
		{IssuerNotAllowed, Refused, GRPCUnauthenticated, "iss is not one of the issuers asked for"},
		{AudienceNotAllowed, Refused, GRPCPermissionDenied, "aud does not hold the audience asked for"},
		{SubjectNotAllowed, Refused, GRPCPermissionDenied, "sub is not the subject asked for"},
		{ClaimMissing, Refused, GRPCPermissionDenied, "a claim that must be there is not"},
		{TokenTooOld, Refused, GRPCUnauthenticated, "iat is longer ago than --max-age"},
		{LifetimeTooLong, Refused, GRPCUnauthenticated, "exp is further from iat than --max-lifetime"},
		{TypeNotAllowed, Refused, GRPCUnauthenticated, "the header's typ is not the one asked for"},
		{InvalidClaim, Refused, GRPCUnauthenticated, "a registered claim has a type or value that RFC 7519 does not allow"},
		{PayloadNotClaims, Refused, GRPCUnauthenticated, "the signature is good, but the payload is no JSON object"},
		{LimitExceeded, Refused, GRPCInvalidArgument, "larger or deeper than the limits"},
		{MessageMalformed, Refused, GRPCInvalidArgument, "no valid ProtoJSON of its type (A41)"},
		{StaticClaimMismatch, Refused, GRPCPermissionDenied, "a static claim is missing, or has another value"},
		{ClaimConflict, Refused, GRPCInternal, "two fields of a message to sign make one claim with different values (A61)"},
		{ClaimMismatch, Refused, GRPCPermissionDenied, "a claim is not the value of its field"},
		{MethodUnknown, Refused, GRPCUnimplemented, "the descriptors have no method of this path, in this spelling (S60)"},
		{AccessDenied, Refused, GRPCPermissionDenied, "the server would deny the call"},
		{HeaderMalformed, Refused, GRPCPermissionDenied, "the authorization header is not \"Bearer \" and a token"},
		{KeyIDMissing, Refused, GRPCPermissionDenied, "the token names no key, and a Temporal server wants a kid"},
		{RoleMissing, Refused, GRPCPermissionDenied, "no role of the token reaches what the call needs"},
		{PermissionIneffective, Refused, GRPCPermissionDenied, "a permission that gives nothing: the server ignores it, or it names another scope"},
		{NamespaceMissing, Refused, GRPCPermissionDenied, "the call names no namespace for the token's roles to count in"},

		{UsageError, Usage, GRPCInvalidArgument, "wrong flags or arguments"},
		{ConfigInvalid, Usage, GRPCFailedPrecond, "the configuration file or a variable is wrong"},
		{KeyMissing, Usage, GRPCFailedPrecond, "no configured key can make this signature (A23)"},
		{FileExists, Usage, GRPCFailedPrecond, "the output exists and --force was not given"},
		{FileConflict, Usage, GRPCFailedPrecond, "the output is also an input or another output"},

		{KeyUnreadable, Undecided, GRPCUnavailable, "a key file cannot be read"},
		{KeyFormatUnknown, Undecided, GRPCUnavailable, "neither PEM, JWK nor JWKS, or a PEM block of another kind"},
		{KeyMultipleBlocks, Undecided, GRPCUnavailable, "a PEM file holds more than one key"},
		{KeyTrailingData, Undecided, GRPCUnavailable, "bytes stand before or after the key"},
		{KeyEncrypted, Undecided, GRPCUnavailable, "the key is protected by a passphrase"},
		{KeyInvalid, Undecided, GRPCUnavailable, "the key's numbers do not make a key"},
		{KeyWeak, Undecided, GRPCUnavailable, "too short or known to be broken"},
		{KeyTypeUnsupported, Undecided, GRPCUnavailable, "a kind of key or curve that jwtctl does not use"},
		{KeyUseMismatch, Undecided, GRPCUnavailable, "the key says it is not for signatures"},
		{KeyAlgMismatch, Undecided, GRPCUnavailable, "the algorithm is not one for this key"},
		{KeyNotPrivate, Undecided, GRPCUnavailable, "a public key was given where one must sign"},
		{KeyIsCertificate, Undecided, GRPCUnavailable, "a certificate was given where a key must sign"},
		{KeyIsSecret, Undecided, GRPCUnavailable, "a shared secret was given where a key is published"},
		{KeyPermissions, Undecided, GRPCUnavailable, "others can read the private key (--strict-perms)"},
		{KeyAmbiguous, Undecided, GRPCUnavailable, "two different keys have one id"},
		{KeySetMixed, Undecided, GRPCUnavailable, "secrets and public keys in one set"},
		{KeySetEmpty, Undecided, GRPCUnavailable, "a key set without a usable key"},
		{KeySetUnavailable, Undecided, GRPCUnavailable, "a key set cannot be fetched"},
		{KeySetURLNotAllowed, Undecided, GRPCUnavailable, "a key set's URL is not one to trust"},
		{DescriptorUnreadable, Undecided, GRPCFailedPrecond, "a .proto file, folder, pattern or descriptor set cannot be read"},
		{DescriptorInvalid, Undecided, GRPCFailedPrecond, "no descriptor set, or one whose files do not fit together"},
		{DescriptorLimit, Undecided, GRPCFailedPrecond, "descriptors are larger or deeper than the limits"},
		{ProtoSyntax, Undecided, GRPCFailedPrecond, "a .proto file does not compile"},
		{ImportNotFound, Undecided, GRPCFailedPrecond, "an imported file is nowhere"},
		{ImportNotAllowed, Undecided, GRPCFailedPrecond, "a file or import leads out of the import paths"},
		{AnnotationUnreadable, Undecided, GRPCFailedPrecond, "an annotation is there and cannot be read, or another schema redefines it"},
		{PolicyFaulty, Refused, GRPCFailedPrecond, "lint found what it was asked to fail for"},
		{PolicyInvalid, Undecided, GRPCFailedPrecond, "the annotations have an error that jwtctl lint reports: such a policy never runs (A101)"},
		{FileNotPlain, Undecided, GRPCInternal, "the output is a link, folder, device or pipe"},
		{FileFailed, Undecided, GRPCInternal, "a file or stream could not be read or written"},
		{FileTooLarge, Undecided, GRPCInternal, "a file is larger than its limit"},
		{ListenFailed, Undecided, GRPCInternal, "the address to listen on cannot be had"},
		{Interrupted, Undecided, GRPCUnavailable, "stopped by a signal before there was an answer"},
		{Internal, Undecided, GRPCInternal, "a fault of jwtctl itself"},
	}
}

// Lookup returns the row of code; an unknown code is an internal fault.
func Lookup(code Code) Row {
	for _, r := range Table() {
		if r.Code == code {
			return r
		}
	}
	return Row{code, Undecided, GRPCInternal, "a fault of jwtctl itself"}
}

// ClassOf returns what err means to the caller: the gravest class in its tree
// decides, so a list of refusals with one unreadable file is undecided, and so
// is any error without a code.
func ClassOf(err error) Class {
	switch e := err.(type) {
	case nil:
		return Done
	case *Error:
		return Lookup(e.Code).Class
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
