package input

import (
	"strings"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// maxToken limits what is read for a token. It is more than a token may have, so that a
// large token gets the error about its size, rather than being cut.
const maxToken = 1 << 20

// TokenFile returns the text of the file at path, which should hold a token.
func TokenFile(path string) (string, error) {
	data, err := files.Read(path, maxToken, fault.FileFailed)
	return tokenText(data, path, err)
}

// TokenStdin returns the text of standard input, which should hold a token.
func TokenStdin(d command.Deps) (string, error) {
	data, err := files.ReadAll(d.System.In, StdinName, maxToken, fault.FileFailed)
	return tokenText(data, StdinName, err)
}

// tokenText returns data as text. What is too large to be read is too large for a token
// as well, and refused as such (S30).
func tokenText(data []byte, where string, err error) (string, error) {
	if fault.CodeOf(err) == fault.FileTooLarge {
		return "", fault.New(fault.LimitExceeded, where, "larger than %d bytes; the limit for a token is %d", maxToken, jws.MaxTokenBytes)
	}
	return string(data), err
}

// ReadToken returns the token given by args, as itself, @FILE or stdin, and the text that
// contained it.
func ReadToken(d command.Deps, args []string) (token, text string, err error) {
	where := StdinName
	switch {
	case len(args) == 1 && args[0] != "-" && !strings.HasPrefix(args[0], "@"):
		text, where = args[0], "TOKEN"
	case len(args) == 1 && args[0] != "-":
		where = args[0][1:]
		text, err = TokenFile(where)
	case len(args) == 0 && d.System.InTTY: // a person would not know what it waits for
	default:
		text, err = TokenStdin(d)
	}
	if err != nil {
		return "", "", err
	}
	token, err = UnwrapToken(text)
	switch {
	case err == nil && token == "" && len(args) == 1 && args[0] == "":
		return "", "", fault.New(fault.UsageError, where, "must not be empty").WithHint("if the value comes from a variable, check that the variable is set")
	case err == nil && token == "":
		return "", "", fault.New(fault.UsageError, where, "contains no token").WithHint("pipe a token in, as in jwtctl token --system | jwtctl inspect")
	}
	return token, text, WithTokenHint(err, text)
}

// CheckTokenArgument refuses a file name instead of a token.
func CheckTokenArgument(args []string) error {
	if len(args) == 1 && args[0] != "-" && settings.IsFile(args[0]) {
		return fault.New(fault.UsageError, "TOKEN", "%q is a file", quote.Shorten(args[0])).WithHint("to read the token from it, use %s", quote.Shell("@"+args[0]))
	}
	return nil
}

// WithTokenHint adds to an error about a malformed token what text looks like.
func WithTokenHint(err error, text string) error {
	f, isFault := err.(*fault.Error)
	if !isFault || f.Code != fault.TokenMalformed || f.Hint != "" {
		return err
	}
	text = strings.TrimSpace(text)
	hint := ""
	switch first := text[:min(1, len(text))]; {
	case strings.Contains(text, "-----BEGIN "):
		hint = "it is a key or certificate, not a token; to verify with it, use --key FILE"
	case strings.Contains(text, "\x00"):
		hint = "it looks like UTF-16 text, as written by PowerShell; save it as UTF-8"
	case strings.HasPrefix(text, "\ufeff"):
		hint = "the file begins with a byte order mark; save it as UTF-8 without one"
	case first == "{" || first == "[":
		hint = "it is JSON; pass only the token in it, for example with jq -r .access_token"
	case first == "<":
		hint = "it looks like a web page"
	case first == "'" || first == "\"":
		hint = "the token is in quotes; remove them"
	case strings.ContainsAny(text, "\r\n"):
		hint = "it has more than one line; a token is a single line"
	default:
		return err
	}
	return f.WithHint("%s", hint)
}

// UnwrapToken removes what jwtctl token prints around a token: white space, `export
// NAME='…'`, `NAME=`, `Authorization:` and `Bearer`.
func UnwrapToken(text string) (string, error) {
	text = strings.TrimSpace(text)
	text = strings.TrimPrefix(text, "export ")
	if name, value, found := strings.Cut(text, "="); found && IsVariableName(name) {
		// The padding of an unsigned token (A91) also has an equals sign.
		if value = strings.Trim(value, "'"); strings.HasPrefix(value, "Bearer ") || quote.IsToken(value) {
			text = value
		}
	}
	name, value, isHeader := strings.Cut(text, ":")
	if isHeader = isHeader && strings.EqualFold(name, "authorization"); isHeader {
		text = strings.TrimSpace(value)
	}
	if isHeader || strings.Contains(text, " ") && !strings.HasPrefix(text, "{") {
		return jws.BearerToken(text)
	}
	return text, nil
}

// IsVariableName reports whether name is a valid name of a shell variable.
func IsVariableName(name string) bool {
	for i, r := range name {
		letter := r == '_' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
