// Package bufplugin implements the protocol of Buf's check plugins, so that `buf lint`
// can run the rules of package lint: buf.plugin.check.v1 and buf.plugin.info.v1 over
// pluginrpc.
//
// It uses the protocol's messages and pluginrpc directly. The framework
// buf.build/go/bufplugin would add protovalidate and CEL, whose initialization costs each
// start of jwtctl 3 ms.
package bufplugin

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	checkv1 "buf.build/gen/go/bufbuild/bufplugin/protocolbuffers/go/buf/plugin/check/v1"
	descriptorv1 "buf.build/gen/go/bufbuild/bufplugin/protocolbuffers/go/buf/plugin/descriptor/v1"
	infov1 "buf.build/gen/go/bufbuild/bufplugin/protocolbuffers/go/buf/plugin/info/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"pluginrpc.com/pluginrpc"

	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/lint"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/protofile"
)

// The categories by which buf.yaml can select rules.
const (
	// Category has every error and warning, and is the default.
	Category = "JWT"
	// CategoryErrors has the errors with which sign, verify and proxy refuse a policy.
	CategoryErrors = "JWT_ERRORS"
)

// requireAllRule is the rule that `jwtctl lint --require-all` enables; here it is
// selected by ID.
const requireAllRule = "unannotated-method"

const documentation = "Checks the JWT annotations (kalix.field).jwt, (kalix.message).jwt, (kalix.method).jwt and (kalix.service).jwt."

// Serve handles the call given by args, as pluginrpc defines it: the request is read from
// in, the response written to out.
//
// The error is one of pluginrpc with the exit status that the protocol requires; problems
// with the descriptors are part of the response.
func Serve(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) error {
	server, err := NewServer()
	if err != nil {
		return err
	}
	return server.Serve(ctx, pluginrpc.Env{Args: args, Stdin: in, Stdout: out, Stderr: errs})
}

// NewServer returns the plugin.
func NewServer() (pluginrpc.Server, error) {
	type procedure struct {
		path, args string
		request    func() proto.Message
		answer     func(ctx context.Context, request proto.Message) (proto.Message, error)
	}
	list := []procedure{
		{"/buf.plugin.check.v1.CheckService/Check", "check", func() proto.Message { return &checkv1.CheckRequest{} },
			func(ctx context.Context, r proto.Message) (proto.Message, error) {
				return check(ctx, r.(*checkv1.CheckRequest))
			}},
		{"/buf.plugin.check.v1.CheckService/ListRules", "list-rules", func() proto.Message { return &checkv1.ListRulesRequest{} },
			func(context.Context, proto.Message) (proto.Message, error) {
				return &checkv1.ListRulesResponse{Rules: rules()}, nil
			}},
		{"/buf.plugin.check.v1.CheckService/ListCategories", "list-categories", func() proto.Message { return &checkv1.ListCategoriesRequest{} },
			func(context.Context, proto.Message) (proto.Message, error) {
				return &checkv1.ListCategoriesResponse{Categories: categories()}, nil
			}},
		{"/buf.plugin.info.v1.PluginInfoService/GetPluginInfo", "info", func() proto.Message { return &infov1.GetPluginInfoRequest{} },
			func(context.Context, proto.Message) (proto.Message, error) {
				return &infov1.GetPluginInfoResponse{PluginInfo: &infov1.PluginInfo{Documentation: documentation}}, nil
			}},
	}
	var procedures []pluginrpc.Procedure
	for _, p := range list {
		one, err := pluginrpc.NewProcedure(p.path, pluginrpc.ProcedureWithArgs(p.args))
		if err != nil {
			return nil, err
		}
		procedures = append(procedures, one)
	}
	spec, err := pluginrpc.NewSpec(procedures...)
	if err != nil {
		return nil, err
	}
	handler, registrar := pluginrpc.NewHandler(spec), pluginrpc.NewServerRegistrar()
	for _, p := range list {
		registrar.Register(p.path, func(ctx context.Context, env pluginrpc.HandleEnv, options ...pluginrpc.HandleOption) error {
			return handler.Handle(ctx, env, p.request(), func(ctx context.Context, request any) (any, error) {
				return p.answer(ctx, request.(proto.Message))
			}, options...)
		})
	}
	return pluginrpc.NewServer(spec, registrar, pluginrpc.ServerWithDoc(documentation))
}

// RuleID returns the ID of a rule in Buf's spelling: claim-cycle is JWT_CLAIM_CYCLE.
func RuleID(id string) string {
	return "JWT_" + strings.ToUpper(strings.ReplaceAll(id, "-", "_"))
}

// optional reports whether a rule only runs if it is selected by its ID: Buf has no
// severities, so anything less than a warning would fail a build.
func optional(r finding.Rule) bool { return r.Severity == finding.Note || r.ID == requireAllRule }

func rules() []*checkv1.Rule {
	var list []*checkv1.Rule
	for _, r := range lint.Rules() {
		rule := &checkv1.Rule{Id: RuleID(r.ID), Purpose: r.Purpose, Type: checkv1.RuleType_RULE_TYPE_LINT, Default: !optional(r)}
		if !optional(r) {
			rule.CategoryIds = append(rule.CategoryIds, Category)
			if r.Severity == finding.Error {
				rule.CategoryIds = append(rule.CategoryIds, CategoryErrors)
			}
		}
		list = append(list, rule)
	}
	slices.SortFunc(list, func(a, b *checkv1.Rule) int { return strings.Compare(a.GetId(), b.GetId()) })
	return list
}

func categories() []*checkv1.Category {
	return []*checkv1.Category{
		{Id: Category, Purpose: "Finds JWT annotations that contradict each other, have no effect, or protect less than they seem to."},
		{Id: CategoryErrors, Purpose: "Finds JWT annotations that make a policy invalid."},
	}
}

// check runs the rules that the request names, or else the default ones, on its files.
func check(ctx context.Context, r *checkv1.CheckRequest) (*checkv1.CheckResponse, error) {
	want := map[string]bool{}
	for _, id := range r.GetRuleIds() {
		want[id] = true
	}
	for _, rule := range rules() {
		if len(r.GetRuleIds()) == 0 && rule.GetDefault() {
			want[rule.GetId()] = true
		}
	}
	image, err := image(r.GetFileDescriptors())
	if err != nil {
		return nil, err
	}
	set, err := protofile.Load(ctx, protofile.Sources{DescriptorSets: []string{"-"}, Stdin: bytes.NewReader(image)})
	if err != nil { // unknown: never "no findings"
		return nil, pluginrpc.NewError(pluginrpc.CodeInvalidArgument, err)
	}
	found := lint.Check(policy.Read(set), lint.Options{RequireAll: want[RuleID(requireAllRule)]})
	places := locate(r.GetFileDescriptors())
	response := &checkv1.CheckResponse{}
	for _, f := range found {
		if id := RuleID(f.Rule); want[id] {
			text := f.Message
			if f.Hint != "" {
				text += ": " + f.Hint
			}
			response.Annotations = append(response.Annotations, &checkv1.Annotation{RuleId: id, Message: text, FileLocation: places.of(f.Pos)})
		}
	}
	return response, nil
}

// image returns the files as a Buf image, a descriptor set that says which files were not
// named.
func image(files []*descriptorv1.FileDescriptor) ([]byte, error) {
	const fileField, bufExtension, isImport = 1, 8042, 1
	var out []byte
	for _, f := range files {
		file, err := proto.MarshalOptions{AllowPartial: true}.Marshal(f.GetFileDescriptorProto())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.GetFileDescriptorProto().GetName(), err)
		}
		if f.GetIsImport() {
			mark := protowire.AppendVarint(protowire.AppendTag(nil, isImport, protowire.VarintType), 1)
			file = protowire.AppendBytes(protowire.AppendTag(file, bufExtension, protowire.BytesType), mark)
		}
		out = protowire.AppendBytes(protowire.AppendTag(out, fileField, protowire.BytesType), file)
	}
	return out, nil
}

// locations maps the position of a finding to its path in the descriptor, which Buf
// requires; Buf determines line and column itself.
type locations map[finding.Position][]int32

func locate(files []*descriptorv1.FileDescriptor) locations {
	found := locations{}
	for _, f := range files {
		name := f.GetFileDescriptorProto().GetName()
		for _, l := range f.GetFileDescriptorProto().GetSourceCodeInfo().GetLocation() {
			if len(l.GetSpan()) < 2 {
				continue
			}
			at := finding.Position{File: name, Line: int(l.GetSpan()[0]) + 1, Column: int(l.GetSpan()[1]) + 1}
			// Of several at one position, the longest is the most exact.
			if kept, there := found[at]; !there || len(l.GetPath()) > len(kept) {
				found[at] = l.GetPath()
			}
		}
	}
	return found
}

func (p locations) of(at finding.Position) *descriptorv1.FileLocation {
	return &descriptorv1.FileLocation{FileName: at.File, SourcePath: p[at]}
}
