package doctor

import "github.com/jwtctl/jwtctl/internal/finding"

// table returns the rules. Its order is that of the documentation.
func table() []rule {
	row := func(severity finding.Severity, id, purpose, cure string, check func(*pass)) rule {
		return rule{finding.Rule{ID: id, Severity: severity, Purpose: purpose}, cure, check}
	}
	const grave, warn, note = finding.Error, finding.Warning, finding.Note
	return []rule{
		row(grave, "cannot-start", "The server must be able to read its configuration.",
			"correct the file or the variable; temporal-server render-config shows what the server makes of a template", cannotStart),
		row(grave, "authorizer-missing", "Without an authorizer, the server allows every call.",
			"set authorizer: default (TEMPORAL_AUTH_AUTHORIZER=default)", configured(authorizerMissing)),
		row(grave, "authorizer-unknown", "The server knows the authorizer and the claim mapper \"default\" alone.",
			"write default, in lower case", configured(authorizerUnknown)),
		row(grave, "claim-mapper-missing", "Without a claim mapper, the server takes every caller for an administrator.",
			"set claimMapper: default (TEMPORAL_AUTH_CLAIM_MAPPER=default)", configured(claimMapperMissing)),
		row(grave, "key-source-missing", "Without a key source, the server has no key to check a token with.",
			"name the URL of the key set in jwtKeyProvider.keySourceURIs (TEMPORAL_JWT_KEY_SOURCE1); jwtctl serve makes one", authorized(keySourceMissing)),
		row(grave, "internal-frontend-missing", "The server's own workers carry no token: they need the internal-frontend.",
			"add internal-frontend to services: and start it; in Helm values server.internalFrontend.enabled: true; in a container USE_INTERNAL_FRONTEND=1 and the service in TEMPORAL_SERVICES", authorized(internalFrontendMissing)),
		row(grave, "internal-frontend-not-started", "A container that configures an internal-frontend must start it.",
			"set both: TEMPORAL_SERVICES=frontend,internal-frontend,history,matching,worker (read since 1.30) and SERVICES=frontend:internal-frontend:history:matching:worker (read before)", authorized(internalFrontendNotStarted)),
		row(grave, "public-client-set", "With an internal-frontend, the server does not start with publicClient.hostPort.",
			"remove publicClient: the server finds its internal-frontend by itself", configured(publicClientSet)),
		row(grave, "regex-ignored", "A permissionsRegex needs the groups namespace and role, or the server passes over it.",
			"name both groups, such as ^(?P<role>\\w+):(?P<namespace>\\w+)$", authorized(regexIgnored)),
		row(grave, "key-source-unsupported", "The server must be able to read its key sources.",
			"use http or https, or file:///PATH with a server that reads it; one source that fails makes the server drop the keys of all", authorized(keySourceUnsupported)),
		row(grave, "key-set-unusable", "The key sources must give the server at least one key that it can use.",
			"publish RSA or P-256 keys with a kid: jwtctl jwks explains what is wrong with each", authorized(keySetUnusable)),
		row(grave, "server-settings-on-ui", "The settings of the server's authorization belong to the server, not to the Web UI.",
			"move them to the server's container, or to server.config.authorization in Helm values", serverSettingsOnUI),
		row(grave, "token-refused", "The token must open what it is for.",
			"make a token that works: jwtctl explain-denial proposes the command", tokenRefused),
		row(grave, "live-open", "A server with authorization refuses a call without a token.",
			"check that the running server has this configuration; restart it", liveOpen),
		row(grave, "live-differs", "The running server must decide as its configuration says.",
			"give its real set-up and its release, or restart it with this configuration", liveDiffers),

		row(warn, "services-unread", "Since 1.30, images read TEMPORAL_SERVICES in place of SERVICES; before, SERVICES alone.",
			"set both, with commas in TEMPORAL_SERVICES and colons in SERVICES", configured(servicesUnread)),
		row(warn, "variable-unread", "A variable that no template reads has no effect.",
			"correct its name; what has no variable, such as audience, needs a static YAML of your own", configured(variableUnread)),
		row(warn, "key-unread", "A key of the authorization section that the server does not know has no effect.",
			"correct its spelling: upper and lower case count", configured(keyUnread)),
		row(warn, "refresh-missing", "Without refreshInterval, the server reads the keys once, at its start.",
			"set jwtKeyProvider.refreshInterval, such as 1m", authorized(refreshMissing)),
		row(warn, "claim-name-dotted", "permissionsClaimName is the name of one claim: the server does not look into claims.",
			"let the issuer put the permissions into a claim of their own, such as with a mapper of Keycloak", authorized(claimNameDotted)),
		row(warn, "key-source-unreachable", "Key sources should answer, or the server has no keys.",
			"check the URL from the server's own network: curl URL; the server follows no proxy settings but its own", authorized(keySourceUnreachable)),
		row(warn, "key-source-loopback", "In a container, 127.0.0.1 is the container itself.",
			"use the name of the service, or host.docker.internal for the machine that runs the container", authorized(keySourceLoopback)),
		row(warn, "key-skipped", "Keys that the server skips check no token.",
			"publish public RSA and P-256 keys with a kid alone", authorized(keySkipped)),
		row(warn, "ui-without-login", "The Web UI sends no token unless its login is set up, and the server then refuses all of its calls.",
			"set TEMPORAL_AUTH_ENABLED=true and its provider; the token needs temporal-system:read", authorized(uiWithoutLogin)),
		row(warn, "issuer-unchecked", "The server checks neither iss nor, without audience, for whom a token was made: any token of that issuer counts.",
			"set audience: in a static YAML, or use a key source of the server's own", authorized(issuerUnchecked)),

		row(note, "auth-header-renamed", "With authHeaderName, clients must send the token in that header.",
			"with the temporal CLI: --grpc-meta NAME=\"Bearer …\"", authorized(authHeaderRenamed)),
		row(note, "release-unknown", "jwtctl knows how each release decides.",
			"name the release", configured(releaseUnknown)),
	}
}
