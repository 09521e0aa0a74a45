package main

import (
	"errors"
	"fmt"
	"go/ast"
	"strconv"
	"strings"
)

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

// join adds the server's metadata to each method.
func (r *release) join(list []method, meta metadata) {
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
}
