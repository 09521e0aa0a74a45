package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/server/api/adminservice/v1"
	"go.temporal.io/server/common/api"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
)

const (
	workflowService = "/temporal.api.workflowservice.v1.WorkflowService/"
	startAPI        = workflowService + "StartWorkflowExecution"
	openAPI         = workflowService + "GetSystemInfo"
)

// claims is a claims set, or a JSON text used instead.
type claims = any

// goodClaims returns claims that allow startAPI, with changes; nil removes a claim.
func goodClaims(changes map[string]any) map[string]any {
	c := map[string]any{"sub": "e2e", "exp": time.Now().Add(time.Hour).Unix(), "permissions": []string{"own:write"}}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// holder returns a header of a valid token with these permissions.
func (e *explainer) holder(permissions ...string) string {
	return "Bearer " + e.ec.token(nil, goodClaims(map[string]any{"permissions": permissions}))
}

// roleCases is the full product of scopes, roles and kinds of API. No namespace is
// registered: an authorized call ends in NotFound.
func roleCases(e *explainer) []denialCase {
	apis := []string{
		workflowService + "DescribeWorkflowExecution", startAPI, workflowService + "UpdateNamespace", // read, write, admin of a namespace
		workflowService + "RegisterNamespace", workflowService + "RespondWorkflowTaskCompleted",
		workflowService + "ListNamespaces", "/temporal.api.operatorservice.v1.OperatorService/ListNexusEndpoints", // read, admin of the cluster
		"/temporal.server.api.adminservice.v1.AdminService/DescribeCluster",
		openAPI, "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch",
	}
	holders := map[string]string{"no token": ""}
	for _, scope := range []string{"temporal-system", "own", "other"} {
		for _, role := range []string{"", "read", "write", "worker", "admin"} {
			holders[scope+":"+role] = e.holder(scope + ":" + role)
		}
	}
	holders["own:worker, own:read"] = e.holder("own:worker", "own:read")
	holders["temporal-system:read, own:write"] = e.holder("temporal-system:read", "own:write")
	var cases []denialCase
	for _, api := range apis {
		for _, who := range slices.Sorted(maps.Keys(holders)) {
			cases = append(cases, denialCase{name: who + " calls " + api, api: api, namespace: "own", authorization: holders[who]})
		}
		cases = append(cases, denialCase{name: "any role, no namespace, calls " + api, api: api, namespace: "", authorization: e.holder("own:admin", ":read")})
	}
	// Without a namespace and a task token these never reach the authorizer.
	return slices.DeleteFunc(cases, func(c denialCase) bool {
		return c.namespace == "" && strings.HasSuffix(c.api, "/RespondWorkflowTaskCompleted")
	})
}

// apiCases tries every API of the frontend, with the strongest tokens that are too weak
// according to the server's own metadata, and with the weakest that suffice: a verdict
// that requires more, less or something else shows in one of them.
func apiCases(e *explainer) []denialCase {
	var cases []denialCase
	for _, full := range frontendMethods() {
		permissions := []string{"own:admin", "temporal-system:write", "temporal-system:admin"}
		switch m := api.GetMethodMetadata(full); {
		case m.Scope == api.ScopeNamespace && m.Access == api.AccessReadOnly:
			permissions = []string{"own:worker", "own:read"}
		case m.Scope == api.ScopeNamespace && m.Access == api.AccessWrite:
			permissions = []string{"own:read", "own:write"}
		case m.Scope == api.ScopeNamespace && m.Access == api.AccessAdmin:
			permissions = []string{"own:write", "own:admin"}
		case m.Scope == api.ScopeCluster && m.Access == api.AccessReadOnly:
			permissions = []string{"own:admin", "temporal-system:worker", "temporal-system:read"}
		}
		for _, permission := range permissions {
			cases = append(cases, denialCase{name: permission + " calls " + full, api: full, namespace: "own", authorization: e.holder(permission)})
		}
	}
	return cases
}

// frontendMethods returns the full name of every method on the frontend's gRPC port.
func frontendMethods() []string {
	var methods []string
	for _, service := range []grpc.ServiceDesc{
		workflowservice.WorkflowService_ServiceDesc, operatorservice.OperatorService_ServiceDesc,
		adminservice.AdminService_ServiceDesc, healthpb.Health_ServiceDesc, reflectionpb.ServerReflection_ServiceDesc,
	} {
		for _, m := range service.Methods {
			methods = append(methods, "/"+service.ServiceName+"/"+m.MethodName)
		}
		for _, s := range service.Streams {
			methods = append(methods, "/"+service.ServiceName+"/"+s.StreamName)
		}
	}
	return methods
}

// faultCases has every fault of a token that temporal.md lists, and more, on an API that
// requires a permission and on one that does not.
func faultCases(e *explainer) []denialCase {
	now := time.Now()
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	with := func(changes map[string]any) string { return "Bearer " + e.ec.token(nil, goodClaims(changes)) }
	headed := func(header map[string]any) string { return "Bearer " + e.ec.token(header, goodClaims(nil)) }
	may := func(permissions any) string { return with(map[string]any{"permissions": permissions}) }
	good := e.ec.token(nil, goodClaims(nil))
	foreign := newKey("ES256", e.ec.kid)

	headers := map[string]string{
		"good": "Bearer " + good, "bearer": "bearer " + good, "BEARER": "BEARER " + good, "RS256": "Bearer " + e.rsa.token(nil, goodClaims(nil)),
		"no Bearer": good, "Basic": "Basic " + good, "only Bearer": "Bearer", "nothing after Bearer": "Bearer ", "one word": "x",
		"two spaces": "Bearer  " + good, "trailing space": "Bearer " + good + " ", "leading space": " Bearer " + good, "Bearer twice": "Bearer Bearer " + good,
		"two parts": "Bearer " + strings.Join(strings.Split(good, ".")[:2], "."), "five parts": "Bearer " + good + ".x.y", "padding": "Bearer " + good + "=",
		"no signature": "Bearer " + good[:strings.LastIndex(good, ".")+1], "cut": "Bearer " + good[:len(good)-4],
		"expired": with(map[string]any{"exp": at(-time.Hour)}), "expired by seconds": with(map[string]any{"exp": at(-2 * time.Second)}),
		"exp is a string": with(map[string]any{"exp": fmt.Sprint(at(time.Hour))}), "exp is null": headedText(e, `{"sub":"","exp":null}`),
		"no exp": with(map[string]any{"exp": nil}), "exp is 0": with(map[string]any{"exp": 0}), "exp is negative": with(map[string]any{"exp": -1}),
		"fractional exp": with(map[string]any{"exp": float64(at(time.Hour)) + 0.7}), "exp in milliseconds": with(map[string]any{"exp": at(time.Hour) * 1000}),
		"exp beyond int64": with(map[string]any{"exp": 1e300}), "exp beyond float64": headedText(e, `{"sub":"","exp":1e400}`),
		"iat in the future": with(map[string]any{"iat": at(time.Hour)}), "iat in a minute": with(map[string]any{"iat": at(time.Minute)}),
		"iat is a string": with(map[string]any{"iat": "x"}), "nbf in the future": with(map[string]any{"nbf": at(time.Hour)}), "nbf is a string": with(map[string]any{"nbf": "x"}),
		"all three times": with(map[string]any{"exp": 1, "iat": at(time.Hour), "nbf": at(time.Hour)}),
		"no sub":          with(map[string]any{"sub": nil}), "sub is a number": with(map[string]any{"sub": 7}), "sub is empty": with(map[string]any{"sub": ""}),
		"kid of RSA": headed(map[string]any{"kid": e.rsa.kid}), "RS256, kid of EC": "Bearer " + e.rsa.token(map[string]any{"kid": e.ec.kid}, goodClaims(nil)),
		"no kid": headed(map[string]any{"kid": nil}), "kid is a number": headed(map[string]any{"kid": 5}), "kid is empty": headed(map[string]any{"kid": ""}),
		"unknown kid": headed(map[string]any{"kid": "nope"}), "wrong key": "Bearer " + foreign.token(nil, goodClaims(nil)),
		"RS256, wrong key": "Bearer " + foreign.token(map[string]any{"alg": "RS256", "kid": e.rsa.kid}, goodClaims(nil)),
		"alg twice":        headedRaw(e, `{"alg":"none","alg":"ES256","kid":"`+e.ec.kid+`"}`), "crit": headed(map[string]any{"crit": []string{"x"}}),
		"data after header": headedRaw(e, `{"alg":"ES256","kid":"`+e.ec.kid+`"}{}`), "header is an array": headedRaw(e, `[]`), "header is null": headedRaw(e, `null`),
		"data after payload": headedText(e, `{"sub":"","permissions":["own:write"]}garbage`), "payload is an array": headedText(e, `[]`),
		"payload is null": headedText(e, `null`), "payload is empty": headedText(e, ``), "sub twice": headedText(e, `{"sub":7,"sub":"","permissions":["own:write"]}`),
		"permissions is a string": may("own:write"), "no permissions": may(nil), "permissions empty": may([]string{}), "no colon": may([]string{"own"}),
		"not a string": may([]any{5, nil, "own:write"}), "upper-case role": may([]string{"own:WRITE"}), "unknown role": may([]string{"own:owner"}),
		"upper-case namespace": may([]string{"Own:write"}), "wildcard": may([]string{"*:write"}), "system": may([]string{"system:admin"}),
		"space in role": may([]string{"own: write"}), "two colons": may([]string{"own:x:write"}), "wrong claim": with(map[string]any{"permissions": nil, "roles": []string{"own:write"}}),
		"an audience": with(map[string]any{"aud": "x"}), "audience is a number": with(map[string]any{"aud": 7}),
	}
	for _, alg := range []string{"ES384", "ES512", "EdDSA", "PS256", "RS384", "RS512", "HS256", "none", "None", "es256", "XX", ""} {
		headers["alg "+alg] = headed(map[string]any{"alg": alg})
	}
	headers["no alg"] = headed(map[string]any{"alg": nil})
	var cases []denialCase
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		for _, api := range []string{startAPI, openAPI} {
			cases = append(cases, denialCase{name: name + ", calls " + api, api: api, namespace: "own", authorization: headers[name]})
		}
	}
	return cases
}

// headedText signs a payload of any quality, headedRaw a header.
func headedText(e *explainer, payload string) string { return "Bearer " + e.ec.token(nil, payload) }
func headedRaw(e *explainer, header string) string {
	return "Bearer " + e.ec.sign(header, goodClaims(nil))
}
