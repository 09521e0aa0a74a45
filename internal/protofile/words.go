package protofile

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/bufbuild/protocompile/reporter"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/suggest"
)

// sameFileTwice returns an error if a file was compiled under two names and the compiler
// complains about that, and nil otherwise.
func (c *compiler) sameFileTwice() error {
	if !slices.ContainsFunc(c.errs, func(err reporter.ErrorWithPos) bool { return strings.Contains(err.Error(), "already defined at") }) {
		return nil
	}
	byFile := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.origin)) {
		actual, err := filepath.EvalSymlinks(c.origin[name])
		if err == nil {
			actual, err = filepath.Abs(actual)
		}
		if err != nil {
			continue
		}
		if first := byFile[actual]; first != "" {
			return fault.New(fault.ImportNotAllowed, c.origin[name], "is compiled under two names, %s (%s) and %s (%s)", first, c.origin[first], name, c.origin[name]).
				WithHint("use one path for each file: leave out an import path (-I) that is within another, or the link")
		}
		byFile[actual] = name
	}
	return nil
}

// followUpError is the parser's second error about a token that is already in error.
const followUpError = "syntax error: unexpected error"

// errors returns the collected errors by file and position.
func (c *compiler) errors() error {
	follows := func(err reporter.ErrorWithPos) bool { return err.Unwrap().Error() == followUpError }
	if others := slices.DeleteFunc(slices.Clone(c.errs), follows); len(others) > 0 {
		c.errs = others
	}
	slices.SortStableFunc(c.errs, func(a, b reporter.ErrorWithPos) int {
		x, y := a.GetPosition(), b.GetPosition()
		return cmp.Or(cmp.Compare(c.origin[x.Filename], c.origin[y.Filename]), cmp.Compare(x.Line, y.Line), cmp.Compare(x.Col, y.Col))
	})
	var all []error
	for _, err := range c.errs {
		all = append(all, c.fault(err))
	}
	return errors.Join(all...)
}

// fault returns the fault for an error of the compiler, with a suggestion.
func (c *compiler) fault(err error) error {
	worded := compileFault(err, c.origin)
	var f *fault.Error
	if errors.As(worded, &f) && f.Hint == "" {
		if meant := c.schema.Suggest(f.Reason); meant != "" {
			return f.WithHint("did you mean %s?", meant)
		}
	}
	return worded
}

// compileFault returns the fault for an error of the compiler.
func compileFault(err error, origin map[string]string) error {
	where := "descriptors"
	var placed reporter.ErrorWithPos
	if errors.As(err, &placed) {
		at := placed.GetPosition()
		p := descset.Position{File: at.Filename, Line: at.Line, Column: at.Col}
		if path := origin[at.Filename]; path != "" {
			p.File = path
		}
		where, err = p.String(), placed.Unwrap()
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Interrupted, "compiling", "%w", err)
	}
	var slip misspelled
	if errors.As(err, &slip) {
		return fault.New(fault.ProtoSyntax, where, "unknown option %s", slip.option).WithHint("%s", slip.hint)
	}
	var ours *fault.Error
	if errors.As(err, &ours) { // from the resolver: the position is that of the import
		if placed == nil {
			return ours
		}
		reported := &fault.Error{Code: ours.Code, What: where, Reason: "import of " + ours.Error(), Hint: ours.Hint, Cause: ours}
		if ours.Code == fault.ImportNotFound {
			reported.Hint = importHint(origin[placed.GetPosition().Filename], ours.What, ours.Hint)
		}
		return reported
	}
	reported := fault.New(fault.ProtoSyntax, where, "%s", descset.Brief(err.Error()))
	if escape, ok := strings.CutPrefix(reported.Reason, `invalid escape sequence: \`); ok { // \S of an expression, as the vendor's document has it
		return reported.WithHint(`a .proto file needs two backslashes for one: "\\%s"`, escape)
	}
	return withSchemaHint(reported, origin)
}

// noExtension matches the compiler's message for an option that is not in the schema.
// Compiled only when a source has an error, to keep the start fast.
var noExtension = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`unknown extension (kalix|jwtctl\.v1)\.(\w+)$`)
})

// withSchemaHint adds which schema of the annotations a source was compiled with, if that
// does not have what the source uses.
func withSchemaHint(f *fault.Error, origin map[string]string) *fault.Error {
	if m := noExtension().FindStringSubmatch(f.Reason); m != nil {
		if !slices.Contains(descset.Kinds, m[2]) {
			if like := suggest.Nearest(m[2], descset.Kinds); like != "" {
				return f.WithHint("did you mean (%s.%s)?", m[1], like)
			}
			return f.WithHint("%s", annotations(m[1]))
		}
		return f.WithHint("import \"%s/annotations.proto\" declares it", strings.ReplaceAll(m[1], ".", "/"))
	}
	if !strings.Contains(f.Reason, "(kalix.") && !strings.Contains(f.Reason, "kalix.ServiceOptions") {
		return f
	}
	for _, name := range []string{"kalix/jwt.proto", "kalix/annotations.proto"} {
		if path := origin[name]; path != "" && path != name+descset.BuiltinSuffix {
			return f.WithHint("the schema comes from %s; jwtctl has a newer one built in: remove that directory from -I", path)
		}
	}
	return f
}
