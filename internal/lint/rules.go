package lint

import "github.com/jwtctl/jwtctl/internal/finding"

// table returns the rules in the order of the documentation.
func table() []rule {
	grave := func(id, purpose string, check func(*pass), refs ...string) rule {
		return rule{finding.Rule{ID: id, Severity: finding.Error, Purpose: purpose, Refs: refs}, check}
	}
	warn := func(id, purpose string, check func(*pass), refs ...string) rule {
		return rule{finding.Rule{ID: id, Severity: finding.Warning, Purpose: purpose, Refs: refs}, check}
	}
	note := func(id, purpose string, check func(*pass), refs ...string) rule {
		return rule{finding.Rule{ID: id, Severity: finding.Note, Purpose: purpose, Refs: refs}, check}
	}
	return []rule{
		grave("claim-cycle", "DESCEND and NEST must not lead back to the message they start from.", claimCycle, "A100"),
		grave("descend-not-message", "DESCEND takes the claims of one message, so the field must be a message and not repeated.", descendNotMessage, "A45"),
		grave("nest-not-message", "NEST takes the claims of a message, so the field must be a message or repeated messages.", nestNotMessage, "A46"),
		grave("raw-not-string-map", "RAW fields hold claims by name, so they must be maps with string keys.", rawNotStringMap, "A47", "A83"),
		grave("map-key-not-string", "A map in a claim is a JSON object, so its keys must be strings.", mapKeyNotString, "A83"),
		grave("duplicate-claim", "Two fields must not set the same claim of a token.", duplicateClaim, "A61"),
		grave("claim-with-default", "A claim must not come from a field that reads as something other than zero when unset.", claimWithDefault, "A42", "A43"),
		grave("registered-claim-type", "Fields that set a registered claim, such as exp, must have its type.", registeredClaimType, "A31", "A62"),
		grave("parent-claim-contains-token", "A nested token must not include claims of its parent that are or contain tokens: those change when they are signed.", parentClaimContainsToken, "A64"),
		grave("several-token-fields", "A message has at most one token field.", severalTokenFields, "A40"),
		grave("token-wrong-type", "A token field is a string or bytes, or for nested tokens a message or repeated messages.", tokenWrongType, "A40", "A49"),
		grave("token-claims-itself", "The field that holds a message's token must not be a claim of that token.", tokenClaimsItself, "A60", "A65"),
		grave("nested-token-missing", "A message that is nested as a token must have its own token.", nestedTokenMissing, "A49"),
		grave("message-without-token", "A method that validates or signs a message needs a token in that message.", messageWithoutToken, "A40", "A60"),
		grave("bearer-token-not-validated", "A message with validate_bearer_token needs methods that validate the bearer token.", bearerTokenNotValidated, "A40"),
		grave("bearer-claim-not-validated", "The option include_bearer_token_claim needs methods that validate the bearer token.", bearerClaimNotValidated, "A51"),
		grave("expires-seconds-invalid", "The option expires_seconds is a number of seconds, 0 for the default or -1 for never.", expiresSecondsInvalid, "A62"),
		grave("static-claim-invalid", "A static claim has a name, and either values or a pattern.", staticClaimInvalid, "A73"),
		grave("pattern-invalid", "The pattern of a static claim must be RE2.", patternInvalid, "A74"),
		grave("variable-invalid", "A reference to an environment variable must be written ${NAME}.", variableInvalid, "A72"),
		grave("unknown-enum-value", "An annotation must not use options that this version does not know.", unknownEnumValue, "A1"),
		grave("mode-unspecified", "The options validate and sign must name what to validate or sign.", modeUnspecified, "A12"),
		grave("empty-name", "An issuer or a claim of the bearer token must have a name.", emptyName, "A32", "A50", "A51"),
		grave("sign-bearer-token", "Only messages can be signed.", signBearerToken, "A12"),
		grave("message-set", "A message that is validated or signed must not hold a MessageSet, which cannot be read.", messageSet, "A38"),
		grave("annotated-twice", "An element must be annotated in one spelling: kalix or jwtctl.v1.", annotatedTwice, "A111"),
		grave("annotated-extension", "Extension fields are not part of the message that is validated or signed.", annotatedExtension, "A40"),
		grave("ignore-invalid", "A jwtctl:ignore comment names a rule and the reason, and is placed above a message, field, service or method.", ignoreInvalid),
		grave("unannotated-method", "If annotations are required, every method must have one, its own or its service's.", unannotatedMethod, "A10"),

		warn("method-drops-service-policy", "The annotation of a method replaces its service's entirely, so it should require at least as much.", methodDropsServicePolicy, "A10", "A11"),
		warn("unguarded-method", "An unprotected method next to protected ones is often an oversight.", unguardedMethod, "A10"),
		warn("service-validates-nothing", "The annotation of a service should validate the bearer token.", serviceValidatesNothing, "A10", "A12"),
		warn("bearer-options-unused", "Issuers and static claims of a method or service need validate: BEARER_TOKEN.", bearerOptionsUnused, "A13"),
		warn("unreached-annotation", "Annotations of a message that no method validates or signs have no effect.", unreachedAnnotation, "A12"),
		warn("claim-without-token", "Claims of a message without its own token are in no token, so nothing checks them.", claimWithoutToken, "A49"),
		warn("claim-overridden", "A field must not set a claim that signing sets to another value.", claimOverridden, "A61", "A62"),
		warn("extract-wrong-type", "An EXTRACT field must be able to hold the claim that signing sets for it, or that every token must have.", extractWrongType, "A44", "A52", "A61", "A65", "A70"),
		warn("every-token-optional", "A request that is validated should need a token.", everyTokenOptional, "A49"),
		warn("token-not-validated", "A message with a token should be validated wherever it is used.", tokenNotValidated, "A12", "A49"),
		warn("token-without-claims", "A token should confirm at least one field of its message.", tokenWithoutClaims, "A40", "A42"),
		warn("walk-without-claims", "DESCEND and NEST should lead to fields that are claims.", walkWithoutClaims, "A45", "A46"),
		warn("claim-in-oneof", "In a oneof with a claim, the other members should be claims as well.", claimInOneof, "A42", "A43"),
		warn("token-in-oneof", "A token should not be a member of a oneof: the other members could never be set.", tokenInOneof, "A41", "A65"),
		warn("option-without-effect", "An option should only be used where it has an effect.", optionWithoutEffect, "A48", "A50"),
		warn("parent-claims-without-parent", "The option include_parent_claims needs a message that is nested as a token.", parentClaimsWithoutParent, "A52"),
		warn("iss-static-claim", "The issuer has its own options, which also select the keys.", issStaticClaim, "A73"),
		warn("pattern-matches-everything", "A pattern that matches every text checks nothing.", patternMatchesEverything, "A71"),
		warn("issuer-without-key", "A required issuer should be that of a configured key.", issuerWithoutKey, "A20"),
		warn("token-without-issuer", "With keys of several issuers, a token should say which of them may issue it.", tokenWithoutIssuer, "A20"),
		warn("token-never-expires", "A token that is signed should expire.", tokenNeverExpires, "A62"),

		note("environment-variable", "An environment variable that the policy refers to must be set at run time.", environmentVariable, "A72"),
		note("claim-from-bearer", "A claim that is also taken from the bearer token must have the same value there, or nothing is signed.", claimFromBearer, "A51", "A61", "A65"),
		note("pattern-not-signed", "A claim that must match a pattern needs a field that sets it when signing.", patternNotSigned, "A65"),
	}
}
