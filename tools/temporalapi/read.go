package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// release is what is read of one release.
type release struct {
	version string
	// What the default authorizer and claim mapper do here but not everywhere.
	streams, streamAudience, fileSources, embedded bool
	variables                                      []string // that its container reads
	methods                                        []method
}

// method is what the table says of an API.
type method struct {
	service, name           string
	scope, access           string // constants of package temporal
	stream, taskToken, http bool
}

// deciding are the files that decide a call.
func deciding() []string {
	const authorization = "common/authorization/"
	return []string{
		authorization + "interceptor.go", authorization + "default_authorizer.go", authorization + "default_jwt_claim_mapper.go",
		authorization + "default_token_key_provider.go", authorization + "roles.go", authorization + "frontend_api.go", authorization + "audience_mapper.go",
		"common/rpc/interceptor/namespace_validator.go",
	}
}

// digest returns the digest of the deciding files.
func (m *module) digest() (string, error) {
	h := sha256.New()
	for _, name := range deciding() {
		text, err := m.read(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n", name, len(text))
		h.Write(text)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:12]), nil
}

func readRelease(p pin, apis map[string]*protocol) (*release, error) {
	server, err := download(serverModule, p.version)
	if err != nil {
		return nil, err
	}
	digest, err := server.digest()
	switch {
	case err != nil:
		return nil, err
	case server.Sum != p.sum || digest != p.digest:
		return nil, fmt.Errorf("checksum %s and digest %s are not the pinned ones", server.Sum, digest)
	}
	r := &release{version: p.version}
	if err := r.readBehavior(server); err != nil {
		return nil, err
	}
	public, err := apiOf(server, apis)
	if err != nil {
		return nil, err
	}
	admin, err := readService(server, "api/adminservice/v1")
	if err != nil {
		return nil, err
	}
	meta, err := readMetadata(server)
	if err != nil {
		return nil, err
	}
	return r, r.join(slices.Concat(public.methods, admin, unregistered(meta)), meta)
}

// readBehavior looks for the lines that make a difference. Where neither form
// of one is found, the code has changed beyond what this program understands.
func (r *release) readBehavior(server *module) error {
	text := map[string][]byte{}
	for _, name := range []string{"service/frontend/fx.go", "common/authorization/interceptor.go", "common/authorization/default_token_key_provider.go", "cmd/server/main.go"} {
		t, err := server.read(name)
		if err != nil {
			return err
		}
		text[name] = t
	}
	fx, interceptor := text["service/frontend/fx.go"], text["common/authorization/interceptor.go"]
	fills, authorizes := bytes.Index(fx, []byte("namespaceValidatorInterceptor.NamespaceValidateIntercept,")), bytes.Index(fx, []byte("authInterceptor.Intercept,"))
	if fills < 0 || authorizes < fills {
		return errors.New("the namespace of a task token is no longer filled in before a call is authorized")
	}
	r.streams = bytes.Contains(fx, []byte("authInterceptor.InterceptStream,"))
	if _, stream, found := bytes.Cut(interceptor, []byte(") InterceptStream(")); found {
		r.streamAudience = bytes.Contains(stream, []byte("audienceGetter.Audience(ctx, nil, nil)"))
		if !r.streamAudience && !bytes.Contains(stream, []byte("JWTAudienceMapper only supports UnaryServerInfo")) {
			return errors.New("the audience of streams is handled in a way that is not known")
		}
	}
	r.fileSources = bytes.Contains(text["common/authorization/default_token_key_provider.go"], []byte(`u.Scheme == "file"`))
	r.embedded = bytes.Contains(text["cmd/server/main.go"], []byte("TEMPORAL_SERVICES"))
	template, pattern := "docker/config_template.yaml", regexp.MustCompile(`\.Env\.([A-Z0-9_]+)`)
	if r.embedded {
		template, pattern = "common/config/config_template_embedded.yaml", regexp.MustCompile(`env "([A-Z0-9_]+)"`)
	}
	t, err := server.read(template)
	for _, found := range pattern.FindAllSubmatch(t, -1) {
		r.variables = append(r.variables, string(found[1]))
	}
	slices.Sort(r.variables)
	r.variables = slices.Compact(r.variables)
	return err
}

// protocol is what the API module of a release defines.
type protocol struct{ methods []method }

func apiOf(server *module, known map[string]*protocol) (*protocol, error) {
	text, err := server.read("go.mod")
	if err != nil {
		return nil, err
	}
	found := regexp.MustCompile(`go\.temporal\.io/api (v[0-9.]+)`).FindSubmatch(text)
	if found == nil {
		return nil, errors.New("go.mod names no release of " + apiModule)
	}
	version := string(found[1])
	if p, ok := known[version]; ok {
		return p, nil
	}
	m, err := download(apiModule, version)
	if err != nil {
		return nil, err
	}
	p := &protocol{}
	for _, dir := range []string{"workflowservice/v1", "operatorservice/v1"} {
		list, err := readService(m, dir)
		if err != nil {
			return nil, err
		}
		p.methods = append(p.methods, list...)
	}
	known[version] = p
	return p, nil
}

func parse(m *module, name string) (*ast.File, error) {
	text, err := m.read(name)
	if err != nil {
		return nil, err
	}
	return parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
}

// readService returns the methods of the service in dir.
func readService(m *module, dir string) ([]method, error) {
	grpc, err := parse(m, dir+"/service_grpc.pb.go")
	if err != nil {
		return nil, err
	}
	messages, err := parse(m, dir+"/request_response.pb.go")
	if err != nil {
		return nil, err
	}
	answered := taskTokens(messages)
	var list []method
	var service string
	ast.Inspect(grpc, func(n ast.Node) bool {
		if pair, ok := n.(*ast.KeyValueExpr); ok {
			key, _ := pair.Key.(*ast.Ident)
			literal, isText := pair.Value.(*ast.BasicLit)
			if key == nil || !isText {
				return true
			}
			value, _ := strconv.Unquote(literal.Value)
			switch key.Name {
			case "ServiceName":
				service = value
			case "MethodName", "StreamName":
				// Requests are called Method + "Request" throughout.
				list = append(list, method{service: service, name: value, stream: key.Name == "StreamName", taskToken: answered[value+"Request"]})
			}
		}
		return true
	})
	if service == "" || len(list) == 0 {
		return nil, fmt.Errorf("%s: no service found", dir)
	}
	return list, nil
}

// taskTokens returns the messages that hold a task token and the namespace that
// the server fills in from it.
func taskTokens(file *ast.File) map[string]bool {
	found := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if s, ok := spec.Type.(*ast.StructType); ok {
			var names []string
			for _, f := range s.Fields.List {
				for _, name := range f.Names {
					names = append(names, name.Name)
				}
			}
			found[spec.Name.Name] = slices.Contains(names, "Namespace") && slices.Contains(names, "TaskToken")
		}
		return false
	})
	return found
}

// metadata is the server's own table: by service, then by method.
type metadata map[string]map[string]method

// readMetadata reads the maps of common/api/metadata.go, and the APIs that need
// no token.
func readMetadata(server *module) (metadata, error) {
	file, err := parse(server, "common/api/metadata.go")
	if err != nil {
		return nil, err
	}
	services := map[string]string{
		"workflowServiceMetadata": "temporal.api.workflowservice.v1.WorkflowService", "operatorServiceMetadata": "temporal.api.operatorservice.v1.OperatorService",
		"nexusServiceMetadata": nexusService,
	}
	meta := metadata{}
	var failure error
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasSuffix(spec.Names[0].Name, "Metadata") {
			return true
		}
		service := services[spec.Names[0].Name]
		table, isTable := spec.Values[0].(*ast.CompositeLit)
		if service == "" || !isTable {
			failure = errors.New("unknown metadata " + spec.Names[0].Name)
			return false
		}
		meta[service] = map[string]method{}
		for _, row := range table.Elts {
			pair := row.(*ast.KeyValueExpr)
			name, _ := strconv.Unquote(pair.Key.(*ast.BasicLit).Value)
			m := method{service: service, name: name, http: service == nexusService}
			for _, field := range pair.Value.(*ast.CompositeLit).Elts {
				f := field.(*ast.KeyValueExpr)
				switch value := f.Value.(*ast.Ident).Name; f.Key.(*ast.Ident).Name {
				case "Scope":
					m.scope = value
				case "Access":
					m.access = map[string]string{"AccessReadOnly": "AccessRead", "AccessWrite": "AccessWrite", "AccessAdmin": "AccessAdmin"}[value]
				}
			}
			if (m.scope != "ScopeNamespace" && m.scope != "ScopeCluster") || m.access == "" {
				failure = fmt.Errorf("%s: scope and access are new", name)
			}
			meta[service][name] = m
		}
		return false
	})
	if failure == nil && len(meta) != len(services) {
		failure = errors.New("common/api/metadata.go lacks a service")
	}
	return meta, failure
}

const nexusService = "temporal.api.nexusservice.v1.NexusService"

// unregistered returns the APIs that are no methods of those services: Nexus,
// which is served over HTTP, and what every gRPC frontend registers.
func unregistered(meta metadata) []method {
	var list []method
	for _, m := range meta[nexusService] {
		list = append(list, m)
	}
	list = append(list, method{service: "grpc.health.v1.Health", name: "Check"}, method{service: "grpc.health.v1.Health", name: "Watch", stream: true},
		method{service: "grpc.health.v1.Health", name: "List"})
	for _, v := range []string{"v1", "v1alpha"} {
		list = append(list, method{service: "grpc.reflection." + v + ".ServerReflection", name: "ServerReflectionInfo", stream: true})
	}
	return list
}

// join gives each method what the server's metadata says of it.
func (r *release) join(list []method, meta metadata) error {
	for _, m := range list {
		known, found := meta[m.service][m.name]
		switch {
		case m.service == "temporal.server.api.adminservice.v1.AdminService":
			m.scope, m.access = "ScopeCluster", "AccessAdmin"
		case m.service == "grpc.health.v1.Health" && m.name == "Check", m.name == "GetSystemInfo" && strings.HasSuffix(m.service, ".WorkflowService"):
			m.scope, m.access = "ScopeCluster", "AccessOpen" // frontend_api.go, which is among the deciding files
		case found:
			m.scope, m.access = known.scope, known.access
		default:
			m.scope, m.access = "ScopeNone", "AccessNever" // the authorizer's default case
		}
		if m.stream && !r.streams {
			m.scope, m.access = "ScopeNone", "AccessUnchecked"
		}
		r.methods = append(r.methods, m)
	}
	return nil
}
