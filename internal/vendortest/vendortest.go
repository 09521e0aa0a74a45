// Package vendortest is for tests alone: it gets the vendor's own .proto files,
// which no one here wrote, from the npm registry and from Maven Central. It imports
// nothing of jwtctl.
package vendortest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// artifact is a file that a registry serves.
type artifact struct {
	variable, registry string // which names another registry, and the usual one
	path, integrity    string // in the form of npm
}

// The vendor's npm package, the newest there is, and npm's own checksum of it.
var fromNPM = artifact{
	"npm_config_registry", "https://registry.npmjs.org/",
	"@kalix-io/kalix-javascript-sdk/-/kalix-javascript-sdk-1.1.0.tgz",
	"sha512-05r22efarNMrBncFoimCr1Lhf4KiBVsZC4D7A8dFKqXQmXLMycO/yRdjyMjFVqGkyu6SXu8vDbrB7a8NpPNcmA==",
}

// The vendor's options on Maven Central, which are newer than those on npm: they
// have annotations of services, and static claims.
var fromMaven = artifact{
	"JWTCTL_MAVEN", "https://repo1.maven.org/maven2/",
	"io/kalix/kalix-sdk-protocol/1.1.33/kalix-sdk-protocol-1.1.33.jar",
	"sha512-TkgcI0TMYdMHxkcSBCDbYnkfElhpmAD3xbjQN7ptBMkWMf7bGAipLJxZTtzT/NEOKVdem1NU3OzJTjmSA7yR+Q==",
}

// Protos returns a folder with the vendor's own .proto files, to be an import
// path. They are fetched from the npm registry once a machine.
func Protos(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	if err := unpack(fetch(tb, fromNPM), "package/proto/", dir); err != nil {
		tb.Fatalf("%s: %v", fromNPM.path, err)
	}
	return dir
}

// Newest returns a folder with the newest .proto files of the vendor's options, to
// be an import path. They are fetched from Maven Central once a machine.
func Newest(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	if err := unzip(fetch(tb, fromMaven), "kalix/", dir); err != nil {
		tb.Fatalf("%s: %v", fromMaven.path, err)
	}
	return dir
}

// unzip writes the .proto files of an archive that are below prefix to dir, and
// nothing anywhere else.
func unzip(archive []byte, prefix, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return err
	}
	for _, f := range files.File {
		if !strings.HasPrefix(f.Name, prefix) || path.Ext(f.Name) != ".proto" {
			continue
		}
		content, err := f.Open()
		if err != nil {
			return err
		}
		text, err := io.ReadAll(io.LimitReader(content, 4<<20))
		if err = errors.Join(err, content.Close(), root.MkdirAll(path.Dir(f.Name), 0o755)); err != nil {
			return err
		}
		if err := root.WriteFile(f.Name, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// fetch returns a file of the vendor's. The copy in the cache is as little
// believed as what comes over the network.
func fetch(tb testing.TB, a artifact) []byte {
	tb.Helper()
	cached := filepath.Join(cacheDir(), path.Base(a.path))
	if data, err := os.ReadFile(cached); err == nil && integrity(data) == a.integrity {
		return data
	}
	registry := cmp.Or(os.Getenv(a.variable), a.registry)
	data, err := get(tb.Context(), strings.TrimSuffix(registry, "/")+"/"+a.path)
	if err != nil {
		tb.Fatalf("%v\nThe test needs %s (%s names another) or %s.", err, a.registry, a.variable, cached)
	}
	if got := integrity(data); got != a.integrity {
		tb.Fatalf("%s: %s, want %s", a.path, got, a.integrity)
	}
	if err := keep(cached, data); err != nil {
		tb.Logf("not kept for the next run: %v", err)
	}
	return data
}

// cacheDir is the folder that the end-to-end tests keep theirs in too.
func cacheDir() string {
	if dir := os.Getenv("JWTCTL_E2E_CACHE"); dir != "" {
		return dir
	}
	user, err := os.UserCacheDir()
	if err != nil { // no HOME, as in some containers
		user = os.TempDir()
	}
	return filepath.Join(user, "jwtctl-e2e")
}

func integrity(data []byte) string {
	sum := sha512.Sum512(data)
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

func get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, 4<<20))
}

// keep writes data to file as a whole: other tests may read it meanwhile.
func keep(file string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), ".")
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), file)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
	}
	return err
}

// unpack writes the .proto files that the tarball has below prefix to dir, and
// nothing anywhere else.
func unpack(tarball []byte, prefix, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	unzipped, err := gzip.NewReader(bytes.NewReader(tarball))
	if err != nil {
		return err
	}
	archive := tar.NewReader(io.LimitReader(unzipped, 16<<20))
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name, found := strings.CutPrefix(header.Name, prefix)
		if !found || header.Typeflag != tar.TypeReg || path.Ext(name) != ".proto" {
			continue
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			return err
		}
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		if err := root.WriteFile(name, text, 0o644); err != nil {
			return err
		}
	}
}
