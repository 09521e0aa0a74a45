package messagecmd

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/input/policies"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// messageFlags are the flags shared by commands that sign and verify messages.
type messageFlags struct {
	policies.Flags
	method string
	typ    string
	bearer string
	at     string
}

func (f *messageFlags) register(fs *pflag.FlagSet) {
	f.Register(fs)
	fs.StringVar(&f.method, "method", "", "apply the policy of `METHOD` (pkg.Service/Method)")
	fs.StringVar(&f.typ, "type", "", "apply the annotations of message `TYPE` (pkg.Message), without a method")
	fs.StringVar(&f.bearer, "bearer", "", "bearer token of the call: `TOKEN`, or @FILE")
	settings.AtPaths(fs, "bearer")
	settings.Exclusive(fs, "method", "type")
	command.AtFlag(fs, &f.at)
	settings.FlagOnly(fs, "at")
}

// messages is what a command needs to process messages: a compiled policy, keys, and the
// type of each file.
type messages struct {
	*policies.Policy
	d      command.Deps
	codec  *message.Codec
	method string
	typ    string
	token  string // the bearer token; "" for none
	given  bool   // whether one was given
	strict bool   // refuse messages that nothing checks
	inputs []string

	bearers sync.Map // *plan.Bearer → *bearerVerdict
	targets sync.Map // path → *pathTarget
}

// load returns the messages to process as the flags say.
func (f *messageFlags) load(ctx context.Context, d command.Deps, inputs []string) (*messages, error) {
	if err := f.checkStdin(inputs); err != nil {
		return nil, err
	}
	if f.method != "" && f.typ != "" {
		return nil, fault.New(fault.UsageError, "--method", "cannot be combined with --type: the method determines the message type")
	}
	clock, err := d.Clock(f.at)
	if err != nil {
		return nil, err
	}
	token := ""
	if f.bearer != "" {
		if token, err = bearerToken(f.bearer); err != nil {
			return nil, err
		}
	}
	p, err := f.Flags.Load(ctx, d, clock, policies.LoadOptions{})
	if err != nil {
		return nil, err
	}
	m := &messages{Policy: p, d: d, codec: message.New(p.Set.Types(), message.Limits{}), method: f.method, typ: f.typ, token: token, given: f.bearer != "", inputs: f.Protos.Inputs(p.Set)}
	if m.method != "" || m.typ != "" { // a wrong name is reported once, before any message
		if _, err := m.resolve(m.method, m.typ, false); err != nil {
			return nil, err
		}
	}
	if f.Dev {
		d.AlwaysWarn("--dev makes and accepts unsigned tokens, which anyone can forge")
	}
	return m, nil
}

// checkStdin refuses to read standard input twice.
func (f *messageFlags) checkStdin(inputs []string) error {
	n := 0
	for _, name := range slices.Concat(inputs, f.Keys.Files, f.Sets.JWKS, f.Protos.Sets) {
		if name == "-" {
			n++
		}
	}
	if n < 2 {
		return nil
	}
	return fault.New(fault.UsageError, "-", "stdin can only be read once")
}

// bearerToken returns the token given by --bearer.
func bearerToken(arg string) (string, error) {
	if err := notABearer(arg); err != nil {
		return "", err
	}
	what := "--bearer"
	if path, isFile := strings.CutPrefix(arg, "@"); isFile {
		text, err := input.TokenFile(path)
		if err != nil {
			return "", err
		}
		arg, what = text, path
	}
	token, err := input.UnwrapToken(arg)
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return "", f.About(what).WithHint("pass only the token, or \"Bearer \" and the token")
	}
	return token, err
}

// expand returns the files given by arguments; a pattern that is not a file name is
// replaced by its matches.
func expand(d command.Deps, name string, args []string) ([]string, error) {
	var list []string
	for _, arg := range args {
		if err := notAFile(name, arg); err != nil {
			return nil, err
		}
		if _, err := os.Stat(arg); arg == "-" || !files.IsPattern(arg) || err == nil {
			list = append(list, arg)
			continue
		}
		base, pattern := files.SplitPattern(arg)
		found, passed, err := files.FindAll(base, pattern, fault.FileFailed)
		input.WarnPassed(d, arg, passed)
		if err != nil || len(found) == 0 {
			return nil, fault.New(fault.FileFailed, arg, "matches no file")
		}
		list = append(list, found...)
	}
	seen := map[string]bool{}
	for _, path := range list {
		if path == "-" && seen[path] {
			return nil, fault.New(fault.UsageError, "-", "stdin can only be read once")
		}
		seen[path] = true
	}
	return list, nil
}

// readMessage returns the text of one message. What is too large to be read is too large
// for a message as well, and refused as such (S50).
func readMessage(d command.Deps, path string) (data []byte, err error) {
	const limit = 16 * message.MaxBytes // above the limit of a message, so that a larger one gets the error about that
	if path == "-" {
		data, err = files.ReadAll(d.System.In, "standard input", limit, fault.FileFailed)
	} else {
		data, err = files.Read(path, limit, fault.FileFailed)
	}
	if fault.CodeOf(err) == fault.FileTooLarge {
		return nil, fault.New(fault.LimitExceeded, path, "larger than %d bytes; the limit for a message is %d", limit, message.MaxBytes)
	}
	return data, err
}
