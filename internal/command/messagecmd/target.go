package messagecmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// target is the policy for a message.
type target struct {
	method  *plan.Method  // nil if only a type is given
	message *plan.Message // nil if the method does not process its message
	name    string        // of the message type
	desc    protoreflect.MessageDescriptor
}

// target returns the policy for the message data in the file path, to sign or verify.
// Flags decide first, then messages: in the configuration; the author of a message never
// chooses its check (S86). Only if neither is given, "@type" in the message is used.
func (m *messages) target(path string, data []byte, signs bool) (target, error) {
	if m.method != "" || m.typ != "" {
		return m.resolve(m.method, m.typ, signs)
	}
	if len(m.d.Settings.Messages) > 0 {
		kept, _ := m.targets.LoadOrStore(path, &pathTarget{})
		c := kept.(*pathTarget)
		c.once.Do(func() { c.target, c.err = m.configured(path, signs) })
		return c.target, c.err
	}
	name, named, err := message.TypeOf(data)
	if err != nil {
		return target{}, err
	}
	if !named {
		return target{}, fault.New(fault.UsageError, path, "message type unknown").
			WithHint("set it with --type pkg.Message, --method pkg.Service/Method, \"@type\" in the message, or messages: in %s", config.Name)
	}
	t, err := m.resolve("", string(name), signs)
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return t, f.About(`"@type"`)
	}
	return t, err
}

// pathTarget is the configuration's decision for a path, made once.
type pathTarget struct {
	once   sync.Once
	target target
	err    error
}

// configured returns the target for a file by messages: in the configuration. A file
// without a matching entry is a usage error, as is standard input.
func (m *messages) configured(path string, signs bool) (target, error) {
	s := m.d.Settings
	if path == "-" {
		return target{}, fault.New(fault.UsageError, path, "messages: in %s only matches file names", s.Path).
			WithHint("use --type pkg.Message or --method pkg.Service/Method")
	}
	e := s.MessageOf(path)
	if e == nil {
		return target{}, fault.New(fault.UsageError, path, "no pattern under messages: in %s matches", s.Path).
			WithHint("use --type pkg.Message or --method pkg.Service/Method; patterns match the path with links resolved, and are case-sensitive")
	}
	t, err := m.resolve(e.Method, e.Type, signs)
	return t, config.AsFault(err, fmt.Sprintf("%s:%d: messages", s.Path, e.Line))
}

// resolve finds a method or type in the plan.
func (m *messages) resolve(method, typ string, signs bool) (target, error) {
	if method == "" {
		p, err := m.Plan.Message(typ)
		if f, isFault := err.(*fault.Error); isFault {
			if _, notMethod := m.Plan.Method(typ); notMethod == nil {
				err = f.WithHint("--method %s", typ)
			}
		}
		if err != nil {
			return target{}, err
		}
		return target{message: p, name: typ, desc: p.Desc}, nil
	}
	p, err := m.Plan.Method(method)
	if err != nil {
		return target{}, err
	}
	t := target{method: p, message: p.Request, desc: p.Desc.Input()}
	if signs {
		t.message, t.desc = p.Response, p.Desc.Output()
	}
	t.name = string(t.desc.FullName())
	return t, nil
}

// bearerVerdict is the verdict on the bearer token, made once for each policy.
type bearerVerdict struct {
	once  sync.Once
	token *jws.Verified
	err   error
}

// bearerOf returns the bearer token validated for t, or nil if t does not use one: its
// method does not validate it, or t is a type and no token is given.
func (m *messages) bearerOf(ctx context.Context, t target) (*jws.Verified, error) {
	var need *plan.Bearer
	switch {
	case t.method != nil && t.method.Bearer == nil, t.method == nil && !m.given:
		return nil, nil
	case t.method != nil:
		need = t.method.Bearer
	}
	kept, _ := m.bearers.LoadOrStore(need, &bearerVerdict{})
	v := kept.(*bearerVerdict)
	v.once.Do(func() { v.token, v.err = m.Verifier.BearerToken(ctx, need, m.token) })
	return v.token, v.err
}

// read parses the message in data. Errors about the whole text have no path.
func (m *messages) read(data []byte, t target) (*dynamicpb.Message, error) {
	msg, err := m.codec.Read(data, t.desc)
	var f *fault.Error
	if !errors.As(err, &f) {
		return msg, err
	}
	f = f.About("")
	begin := bytes.TrimLeft(data, " \t\r\n")
	switch {
	case len(begin) == 0:
		f.Reason = "line 1:1: empty; a message is a JSON object"
	case begin[0] == '[':
		f.Reason += "; a message is one JSON object; use --ndjson for one per line"
	case begin[0] != '{' && !bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		f.Reason += "; a message is a JSON object"
	case strings.Contains(f.Reason, "unknown field") && t.lacksField(data):
		f.Reason += fmt.Sprintf(": %s has no such field", t.name)
	case strings.Contains(f.Reason, "more text follows"):
		f.Reason += "; use --ndjson for one message per line"
	}
	return nil, f
}

// lacksField reports whether the message in data, rather than one inside it, has a member
// that is not a field of t.
func (t target) lacksField(data []byte) bool {
	members, _ := strictjson.Object(data, message.MaxDepth)
	fields := t.desc.Fields()
	return slices.ContainsFunc(members, func(m strictjson.Member) bool {
		return m.Name != "@type" && fields.ByJSONName(m.Name) == nil && fields.ByTextName(m.Name) == nil
	})
}
