package bufplugin_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	checkv1 "buf.build/gen/go/bufbuild/bufplugin/protocolbuffers/go/buf/plugin/check/v1"
	descriptorv1 "buf.build/gen/go/bufbuild/bufplugin/protocolbuffers/go/buf/plugin/descriptor/v1"
	infov1 "buf.build/gen/go/bufbuild/bufplugin/protocolbuffers/go/buf/plugin/info/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"pluginrpc.com/pluginrpc"

	"github.com/jwtctl/jwtctl/internal/bufplugin"
	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/lint"
	"github.com/jwtctl/jwtctl/internal/protofile"
	"github.com/jwtctl/jwtctl/internal/respell"
)

// The real buf runs the plugin in examples/buf; here the protocol's own client tests what
// buf never requests.

func call(t *testing.T, path string, request, response proto.Message) error {
	t.Helper()
	server, err := bufplugin.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	return pluginrpc.NewClient(pluginrpc.NewServerRunner(server)).Call(t.Context(), path, request, response)
}

const service = "/buf.plugin.check.v1.CheckService/"

// TestListRules: Buf gets every rule of lint, with an ID and a purpose that it accepts.
func TestListRules(t *testing.T) {
	var rules checkv1.ListRulesResponse
	var categories checkv1.ListCategoriesResponse
	if err := call(t, service+"ListRules", &checkv1.ListRulesRequest{}, &rules); err != nil {
		t.Fatal(err)
	}
	if err := call(t, service+"ListCategories", &checkv1.ListCategoriesRequest{}, &categories); err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, c := range categories.GetCategories() {
		known = append(known, c.GetId())
	}
	listed := map[string]*checkv1.Rule{}
	for _, r := range rules.GetRules() {
		listed[r.GetId()] = r
		if !regexp.MustCompile(`^[A-Z0-9][A-Z0-9_]{1,62}[A-Z0-9]$`).MatchString(r.GetId()) || !regexp.MustCompile(`^[A-Z].*[.]$`).MatchString(r.GetPurpose()) {
			t.Errorf("invalid in Buf: %s: %q", r.GetId(), r.GetPurpose())
		}
		for _, id := range r.GetCategoryIds() {
			if !slices.Contains(known, id) {
				t.Errorf("%s is in category %s, which is not listed", r.GetId(), id)
			}
		}
	}
	for _, r := range lint.Rules() {
		rule := listed[bufplugin.RuleID(r.ID)]
		optional := r.Severity == finding.Note || r.ID == "unannotated-method"
		switch {
		case rule == nil:
			t.Errorf("rule %s is not listed", r.ID)
		case rule.GetDefault() == optional, slices.Contains(rule.GetCategoryIds(), bufplugin.Category) == optional,
			slices.Contains(rule.GetCategoryIds(), bufplugin.CategoryErrors) != (r.Severity == finding.Error && !optional):
			t.Errorf("%s: default %v, categories %v", r.ID, rule.GetDefault(), rule.GetCategoryIds())
		}
	}
	if len(listed) != len(lint.Rules()) {
		t.Errorf("got %d rules, want %d", len(listed), len(lint.Rules()))
	}
}

func TestInfo(t *testing.T) {
	var info infov1.GetPluginInfoResponse
	if err := call(t, "/buf.plugin.info.v1.PluginInfoService/GetPluginInfo", &infov1.GetPluginInfoRequest{}, &info); err != nil || info.GetPluginInfo().GetDocumentation() == "" {
		t.Errorf("got %v, %v", &info, err)
	}
}

// files compiles sources; those called import*.proto are imports.
func files(t *testing.T, sources map[string]string) []*descriptorv1.FileDescriptor {
	t.Helper()
	dir := t.TempDir()
	for name, text := range sources {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("syntax = \"proto3\";\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := protofile.Load(context.Background(), protofile.Sources{Protos: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	var list []*descriptorv1.FileDescriptor
	for _, f := range set.Files() {
		_, ours := sources[f.Descriptor.Path()]
		isImport := !ours || regexp.MustCompile(`^import`).MatchString(f.Descriptor.Path())
		list = append(list, &descriptorv1.FileDescriptor{FileDescriptorProto: protodesc.ToFileDescriptorProto(f.Descriptor), IsImport: isImport})
	}
	return list
}

// TestCheck checks the findings and their positions, with only the selected rules.
func TestCheck(t *testing.T) {
	sources := map[string]string{
		"import.proto": `package i; import "kalix/annotations.proto"; message I { string tok = 1 [(kalix.field).jwt = {token: true expires_seconds: -1}]; }
service Bare { rpc Open(I) returns (I); rpc Guarded(I) returns (I) { option (kalix.method).jwt.validate = BEARER_TOKEN; } }`,
		"t.proto": `package t; import "kalix/annotations.proto"; import "import.proto";
service S {
  rpc Open(i.I) returns (i.I);
  rpc Guarded(i.I) returns (i.I) {
    option (kalix.method).jwt = {validate: BEARER_TOKEN bearer_token_issuer: "${ISSUER}"};
  }
}
message A {
  A a = 1 [(kalix.field).jwt = {claim: DESCEND}];
}`,
	}
	tests := map[string]struct {
		rules []string
		want  []string
	}{
		"default rules":         {nil, []string{"JWT_CLAIM_CYCLE", "JWT_UNGUARDED_METHOD", "JWT_UNREACHED_ANNOTATION"}},
		"one":                   {[]string{"JWT_CLAIM_CYCLE"}, []string{"JWT_CLAIM_CYCLE"}},
		"note rule":             {[]string{"JWT_ENVIRONMENT_VARIABLE"}, []string{"JWT_ENVIRONMENT_VARIABLE"}},
		"every method":          {[]string{"JWT_UNANNOTATED_METHOD"}, []string{"JWT_UNANNOTATED_METHOD"}},
		"rule without findings": {[]string{"JWT_DUPLICATE_CLAIM"}, nil},
	}
	respelled := map[string]string{} // without the vendor's name (A111)
	for name, text := range sources {
		now, _, err := respell.Source(name, []byte(text), false)
		if err != nil {
			t.Fatal(err)
		}
		respelled[name] = string(now)
	}
	option := map[string][]int32{"kalix": {1080, 2, 1}, "jwtctl.v1": {51080, 1}}
	for spelling, all := range map[string][]*descriptorv1.FileDescriptor{"kalix": files(t, sources), "jwtctl.v1": files(t, respelled)} {
		for name, tt := range tests {
			t.Run(spelling+" "+name, func(t *testing.T) { checkFinds(t, all, tt.rules, tt.want, option[spelling]) })
		}
	}
}

// checkFinds fails unless rules find want in t.proto, and a cycle at the annotation at the
// path option.
func checkFinds(t *testing.T, all []*descriptorv1.FileDescriptor, rules, want []string, option []int32) {
	t.Helper()
	var response checkv1.CheckResponse
	if err := call(t, service+"Check", &checkv1.CheckRequest{FileDescriptors: all, RuleIds: rules}, &response); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range response.GetAnnotations() {
		got = append(got, a.GetRuleId())
		if a.GetMessage() == "" || a.GetFileLocation().GetFileName() != "t.proto" {
			t.Errorf("got %v", a)
		}
		if a.GetRuleId() == "JWT_CLAIM_CYCLE" && !slices.Equal(a.GetFileLocation().GetSourcePath(), append([]int32{4, 0, 2, 0, 8}, option...)) {
			t.Errorf("the cycle is at %v", a.GetFileLocation().GetSourcePath())
		}
	}
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestS45_CheckUnreadable: unreadable annotations fail the call instead of returning no
// findings.
func TestS45_CheckUnreadable(t *testing.T) {
	list := files(t, map[string]string{"t.proto": `package t; import "kalix/annotations.proto"; message M { string a = 1 [(kalix.field).jwt.token = true]; }`})
	for _, f := range list {
		if f.GetFileDescriptorProto().GetName() == "t.proto" {
			raw := f.GetFileDescriptorProto().GetMessageType()[0].GetField()[0]
			raw.Options.ProtoReflect().SetUnknown([]byte{0xc2, 0x43, 0x02, 0x12, 0x7f}) // 1080, truncated
		}
	}
	var response checkv1.CheckResponse
	if err := call(t, service+"Check", &checkv1.CheckRequest{FileDescriptors: list}, &response); err == nil {
		t.Errorf("got %v", &response)
	}
}
