// Package manifests checks what jwtctl prints for Istio and Envoy Gateway against their
// types and those of the Kubernetes Gateway API and of Envoy.
package manifests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	egv1 "github.com/envoyproxy/gateway/api/v1alpha1"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	mesh "istio.io/api/mesh/v1alpha1"
	networking "istio.io/api/networking/v1alpha3"
	security "istio.io/api/security/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gw "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

// custom is an object whose spec is a protobuf message.
type custom struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              json.RawMessage `json:"spec"`
}

// types returns a new value for the kind of an object.
func types() map[string]func() any {
	return map[string]func() any{
		"gateway.networking.k8s.io/v1 Gateway":                func() any { return &gw.Gateway{} },
		"gateway.networking.k8s.io/v1 GRPCRoute":              func() any { return &gw.GRPCRoute{} },
		"gateway.networking.k8s.io/v1 ReferenceGrant":         func() any { return &gw.ReferenceGrant{} },
		"gateway.envoyproxy.io/v1alpha1 ClientTrafficPolicy":  func() any { return &egv1.ClientTrafficPolicy{} },
		"gateway.envoyproxy.io/v1alpha1 SecurityPolicy":       func() any { return &egv1.SecurityPolicy{} },
		"gateway.envoyproxy.io/v1alpha1 EnvoyExtensionPolicy": func() any { return &egv1.EnvoyExtensionPolicy{} },
		"security.istio.io/v1 AuthorizationPolicy":            func() any { return &security.AuthorizationPolicy{} },
		"networking.istio.io/v1alpha3 EnvoyFilter":            func() any { return &networking.EnvoyFilter{} },
	}
}

// check reads one document, in which every field must be known.
func check(text []byte) (kind string, read any, err error) {
	var head struct {
		APIVersion, Kind string
		MeshConfig       json.RawMessage
	}
	if err := yaml.Unmarshal(text, &head); err != nil {
		return "", nil, err
	}
	if head.Kind == "" {
		var values struct {
			MeshConfig json.RawMessage `json:"meshConfig"`
		}
		config := &mesh.MeshConfig{}
		if err := yaml.UnmarshalStrict(text, &values); err != nil {
			return "", nil, err
		}
		return "MeshConfig", config, protojson.Unmarshal(values.MeshConfig, config)
	}
	kind = head.APIVersion + " " + head.Kind
	newValue, ok := types()[kind]
	if !ok {
		return kind, nil, fmt.Errorf("unknown kind %s", kind)
	}
	value := newValue()
	message, ok := value.(proto.Message)
	if !ok {
		return kind, value, yaml.UnmarshalStrict(text, value)
	}
	var object custom
	if err := yaml.UnmarshalStrict(text, &object); err != nil {
		return kind, nil, err
	}
	if err := protojson.Unmarshal(object.Spec, message); err != nil {
		return kind, nil, err
	}
	if filter, ok := message.(*networking.EnvoyFilter); ok {
		err = checkFilters(filter)
	}
	return kind, value, err
}

// checkFilters reads what an EnvoyFilter inserts, like Envoy does.
func checkFilters(filter *networking.EnvoyFilter) error {
	for _, patch := range filter.ConfigPatches {
		text, err := protojson.Marshal(patch.Patch.Value)
		if err != nil {
			return err
		}
		into := &hcm.HttpFilter{}
		if err := protojson.Unmarshal(text, into); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
		inner, err := into.GetTypedConfig().UnmarshalNew()
		if err != nil {
			return err
		}
		for _, m := range []protoreflect.ProtoMessage{into, inner} {
			if v, ok := m.(interface{ ValidateAll() error }); ok {
				if err := v.ValidateAll(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// printed is the output of jwtctl for proxy and the policy.
func printed(t *testing.T, proxy, policy string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.proto")
	if err := os.WriteFile(file, []byte("syntax = \"proto3\";\npackage t;\nimport \"jwtctl/v1/annotations.proto\";\n"+policy), 0o600); err != nil {
		t.Fatal(err)
	}
	program := os.Getenv("JWTCTL_BIN")
	if program == "" {
		program = "../../../bin/jwtctl"
	}
	var errs bytes.Buffer
	cmd := exec.Command(program, "authz", "--print", proxy, "--proto", file)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, errs.String())
	}
	return out
}

// policies cover each part of the output at least once.
func policies() map[string]string {
	const item = `message M { string x = 1; string token = 2 [(jwtctl.v1.field) = {token: true issuer: "i"}]; }
`
	method := func(option string) string {
		return item + "service S { rpc Do(M) returns (M) { option (jwtctl.v1.method) = {" + option + "}; } }\n"
	}
	return map[string]string{
		"bearer":    method(`validate: BEARER_TOKEN static_claim: {claim: "role" value: "admin"}`),
		"requests":  method(`validate: MESSAGE`),
		"responses": method(`sign: MESSAGE`),
		"all":       method(`validate: BEARER_TOKEN validate: MESSAGE sign: MESSAGE static_claim: {claim: "role" value: "admin"}`),
	}
}

// TestPrinted: every object is of a known kind and version and has no field that its
// reader would refuse or ignore; calls are refused if there is no response, and claims
// sent by clients are removed.
func TestPrinted(t *testing.T) {
	want := map[string]map[bool][]string{ // by whether messages are read
		"istio": {
			false: {"MeshConfig", "security.istio.io/v1 AuthorizationPolicy", "networking.istio.io/v1alpha3 EnvoyFilter"},
			true:  {"networking.istio.io/v1alpha3 EnvoyFilter"},
		},
		"gateway": {
			false: {"gateway.networking.k8s.io/v1 Gateway", "gateway.networking.k8s.io/v1 GRPCRoute", "gateway.envoyproxy.io/v1alpha1 ClientTrafficPolicy", "gateway.envoyproxy.io/v1alpha1 SecurityPolicy", "gateway.networking.k8s.io/v1 ReferenceGrant"},
			true:  {"gateway.networking.k8s.io/v1 Gateway", "gateway.networking.k8s.io/v1 GRPCRoute", "gateway.envoyproxy.io/v1alpha1 ClientTrafficPolicy", "gateway.envoyproxy.io/v1alpha1 EnvoyExtensionPolicy", "gateway.networking.k8s.io/v1 ReferenceGrant"},
		},
	}
	for proxy, kinds := range want {
		for name, policy := range policies() {
			text := printed(t, proxy, policy)
			var got []string
			for _, one := range bytes.Split(text, []byte("\n---\n")) {
				kind, value, err := check(one)
				if err != nil {
					t.Errorf("%s, %s: %s: %v\n%s", proxy, name, kind, err, one)
					continue
				}
				got = append(got, kind)
				closed(t, proxy+", "+name, value)
			}
			if !slices.Equal(got, kinds[name != "bearer"]) {
				t.Errorf("%s, %s: got %q, want %q", proxy, name, got, kinds[name != "bearer"])
			}
			named := strings.Contains(string(text), "_kalix-jwt-claim-sub") && (!strings.Contains(policy, "role") || strings.Contains(string(text), "_kalix-jwt-claim-role"))
			if !named || !strings.Contains(string(text), `[-_.]kalix[-_.]jwt[-_.]claim[-_.].*`) {
				t.Errorf("%s, %s: claims are not named or not removed:\n%s", proxy, name, text)
			}
		}
	}
}

// closed checks that value refuses calls if there is no response.
func closed(t *testing.T, what string, value any) {
	t.Helper()
	open := false
	switch v := value.(type) {
	case *mesh.MeshConfig:
		open = v.ExtensionProviders[0].GetEnvoyExtAuthzGrpc().FailOpen
	case *egv1.SecurityPolicy:
		open = *v.Spec.ExtAuth.FailOpen
	case *egv1.EnvoyExtensionPolicy:
		open = *v.Spec.ExtProc[0].FailOpen
	case *networking.EnvoyFilter:
		for _, patch := range v.ConfigPatches {
			config := patch.Patch.Value.Fields["typed_config"].GetStructValue().Fields
			allow, set := config["failure_mode_allow"]
			open = open || config["grpc_service"] != nil && (!set || allow.GetBoolValue())
		}
	}
	if open {
		t.Errorf("%s: %T lets calls through without a response", what, value)
	}
}
