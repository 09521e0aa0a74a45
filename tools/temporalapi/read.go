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
)

// release is what is read of one release.
type release struct {
	version string
	// What the default authorizer and claim mapper do here but not everywhere.
	streams, streamAudience, fileSources, embedded bool
	variables                                      []string // that its container reads
	methods                                        []method
}

// method is an API's row in the table.
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
	r.join(slices.Concat(public.methods, admin, unregistered(meta)), meta)
	return r, nil
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
