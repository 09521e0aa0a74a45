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
			"correct the file or the variable; temporal-server render-config shows the result of a template", cannotStart),
		row(grave, "authorizer-missing", "Without an authorizer, the server allows every call.",
			"set authorizer: default (TEMPORAL_AUTH_AUTHORIZER=default)", configured(authorizerMissing)),
		row(grave, "authorizer-unknown", "The only authorizer and claim mapper that the server knows is \"default\".",
			"write default, in lower case", configured(authorizerUnknown)),
		row(grave, "claim-mapper-missing", "Without a claim mapper, the server treats every caller as an administrator.",
			"set claimMapper: default (TEMPORAL_AUTH_CLAIM_MAPPER=default)", configured(claimMapperMissing)),
		row(grave, "key-source-missing", "Without a key source, the server has no key to check tokens with.",
			"set jwtKeyProvider.keySourceURIs (TEMPORAL_JWT_KEY_SOURCE1) to the URL of a key set; jwtctl serve publishes one", authorized(keySourceMissing)),
		row(grave, "internal-frontend-missing", "The server's own workers have no token: they need the internal-frontend.",
			"add internal-frontend to services: and start it; in Helm values server.internalFrontend.enabled: true; in a container USE_INTERNAL_FRONTEND=1 and the service in TEMPORAL_SERVICES", authorized(internalFrontendMissing)),
		row(grave, "internal-frontend-not-started", "A container that configures an internal-frontend must start it.",
			"set both: TEMPORAL_SERVICES=frontend,internal-frontend,history,matching,worker (read since 1.30) and SERVICES=frontend:internal-frontend:history:matching:worker (read before)", authorized(internalFrontendNotStarted)),
		row(grave, "public-client-set", "With an internal-frontend, the server does not start with publicClient.hostPort.",
			"remove publicClient: the server finds its internal-frontend by itself", configured(publicClientSet)),
		row(grave, "regex-ignored", "A permissionsRegex needs the groups namespace and role, or the server ignores it.",
			"name both groups, such as ^(?P<role>\\w+):(?P<namespace>\\w+)$", authorized(regexIgnored)),
		row(grave, "key-source-unsupported", "The server must be able to read its key sources.",
			"use http or https, or file:///PATH where the server reads it; if one source fails, the server drops the keys of all", authorized(keySourceUnsupported)),
		row(grave, "key-set-unusable", "The key sources must give the server at least one usable key.",
			"publish RSA or P-256 keys with a kid: jwtctl jwks explains what is wrong with each", authorized(keySetUnusable)),
		row(grave, "server-settings-on-ui", "Authorization settings belong to the server, not to the Web UI.",
			"move them to the server's container, or to server.config.authorization in Helm values", serverSettingsOnUI),
		row(grave, "token-refused", "The token must allow what it is for.",
			"make a token that works: jwtctl explain-denial prints the command", tokenRefused),
		row(grave, "live-open", "A server with authorization refuses calls without a token.",
			"check that the running server has this configuration; restart it", liveOpen),
		row(grave, "live-differs", "The running server must decide as its configuration says.",
			"pass its real configuration and release, or restart it with this configuration", liveDiffers),

		row(warn, "services-unread", "Images since 1.30 read TEMPORAL_SERVICES, older ones only SERVICES.",
			"set both, with commas in TEMPORAL_SERVICES and colons in SERVICES", configured(servicesUnread)),
		row(warn, "variable-unread", "A variable that no template reads has no effect.",
			"correct its name; settings without a variable, such as audience, need your own static YAML", configured(variableUnread)),
		row(warn, "key-unread", "A key in the authorization section that the server does not know has no effect.",
			"correct its spelling, including case", configured(keyUnread)),
		row(warn, "refresh-missing", "Without refreshInterval, the server reads the keys only once, at startup.",
			"set jwtKeyProvider.refreshInterval, such as 1m", authorized(refreshMissing)),
		row(warn, "claim-name-dotted", "permissionsClaimName is the name of a single claim: the server does not look inside claims.",
			"let the issuer put the permissions into a claim of their own, for example with a Keycloak mapper", authorized(claimNameDotted)),
		row(warn, "key-source-unreachable", "Key sources should answer, or the server has no keys.",
			"check the URL from the server's own network with curl; the server uses only its own proxy settings; jwtctl fetches over plain http from other machines only if allow_http is set", authorized(keySourceUnreachable)),
		row(warn, "key-source-loopback", "In a container, 127.0.0.1 is the container itself.",
			"use the name of the service, or host.docker.internal for the machine that runs the container", authorized(keySourceLoopback)),
		row(warn, "key-skipped", "Keys that the server skips cannot check tokens.",
			"publish only public RSA and P-256 keys with a kid", authorized(keySkipped)),
		row(warn, "ui-without-login", "The Web UI sends no token unless its login is set up, and the server then refuses all of its calls.",
			"set TEMPORAL_AUTH_ENABLED=true and its provider; the token needs temporal-system:read", authorized(uiWithoutLogin)),
		row(warn, "issuer-unchecked", "The server does not check iss, nor, unless audience is set, aud: any token of that issuer is accepted.",
			"set audience: in a static YAML, or use a key source of your own", authorized(issuerUnchecked)),

		row(note, "auth-header-renamed", "With authHeaderName, clients must send the token in that header.",
			"with the temporal CLI: --grpc-meta NAME=\"Bearer …\"", authorized(authHeaderRenamed)),
		row(note, "release-unknown", "Findings depend on the release of the server.",
			"use a known release", configured(releaseUnknown)),
	}
}
