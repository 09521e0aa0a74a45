package files

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// IsURL reports whether location is a URL, other than one of a file on this machine.
func IsURL(location string) bool {
	return strings.Contains(location, "://") && !isFileURL(location)
}

func isFileURL(location string) bool {
	return len(location) >= 7 && strings.EqualFold(location[:7], "file://")
}

// PathOf returns the path given by location, a path or a file URL (RFC 8089). A file URL
// that is invalid or names another machine is an error with code.
func PathOf(location string, code fault.Code) (string, error) {
	if !isFileURL(location) {
		return location, nil
	}
	u, err := url.Parse(location)
	if err != nil || u.Host != "" && u.Host != "localhost" || u.Path == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fault.New(code, quote.Shorten(location), "does not name a file on this machine").WithHint("use a URL such as file:///etc/keys/jwks.json")
	}
	path := u.Path
	if len(path) > 2 && path[0] == '/' && path[2] == ':' { // file:///C:/keys
		path = path[1:]
	}
	return filepath.FromSlash(path), nil
}

// RealPath returns the absolute path of an existing file, without links.
func RealPath(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(absolute)
}
