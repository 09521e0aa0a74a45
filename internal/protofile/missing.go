package protofile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// maxMissing is the maximum number of missing imports reported in one run.
const maxMissing = 20

// missingImportErrors returns the errors of missing imports, after those of the sources.
func (c *compiler) missingImportErrors(missing missingImports) error {
	var all []error
	if len(c.errs) > 0 {
		all = append(all, c.errors())
	}
	for i, err := range missing {
		worded := c.fault(err)
		var f *fault.Error
		if more := len(missing) - maxMissing; i == maxMissing-1 && more > 0 && errors.As(worded, &f) {
			f.Reason += fmt.Sprintf("; %d more imports are missing", more)
		}
		all = append(all, worded)
		if i == maxMissing-1 {
			break
		}
	}
	return errors.Join(all...)
}

// importHint returns where to get the file that importer, a path, imports as name, or
// otherwise if it is unknown.
func importHint(importer, name, otherwise string) string {
	if dir := importFolder(importer, name); dir != "" {
		return "it is below " + dir + ": add -I " + dir
	}
	for _, known := range publicModules() {
		if strings.HasPrefix(name, known.prefix) {
			return fmt.Sprintf("buf export buf.build/%s -o third_party, then add -I third_party", known.module)
		}
	}
	if dir := bufFolder(importer); dir != "" {
		return fmt.Sprintf("for a descriptor set with all imports (buf.yaml in %s may name them), run buf build %[1]s -o api.binpb", dir)
	}
	return otherwise
}

// importFolder returns the folder from which importer, a path, seems to import name: the
// nearest enclosing one that contains name, or "".
func importFolder(importer, name string) string {
	return nearestFolder(importer, func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		return err == nil
	})
}

// bufFolder returns the nearest folder around importer with a buf.yaml, or "".
func bufFolder(importer string) string {
	return nearestFolder(importer, func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "buf.yaml"))
		return err == nil
	})
}

// nearestFolder returns the nearest folder around path for which want is true, or "".
func nearestFolder(path string, want func(dir string) bool) string {
	for dir := filepath.Dir(path); path != ""; dir = filepath.Dir(dir) {
		if want(dir) {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return ""
}

// publicModule is a module of Buf's registry, and the prefix of its files.
type publicModule struct{ prefix, module string }

// publicModules are modules that are often imported and not bundled with jwtctl.
func publicModules() []publicModule {
	return []publicModule{
		{"google/protobuf/", "protocolbuffers/wellknowntypes"},
		{"google/", "googleapis/googleapis"},
		{"envoy/", "envoyproxy/envoy"},
		{"xds/", "cncf/xds"},
		{"udpa/", "cncf/xds"},
		{"opencensus/proto/", "opencensus/opencensus"},
		{"opentelemetry/proto/", "opentelemetry/opentelemetry"},
		{"io/prometheus/client/", "prometheus/client-model"},
		{"gogoproto/", "gogo/protobuf"},
		{"grpc/", "grpc/grpc"},
		{"temporal/api/", "temporalio/api"},
	}
}
