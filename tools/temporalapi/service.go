package main

import (
	"fmt"
	"go/ast"
	"slices"
	"strconv"
)

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
