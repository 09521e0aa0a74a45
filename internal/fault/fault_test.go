package fault_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// declaredCodes returns the value of every constant of type Code. It reads the source,
// since that is the only way to find codes missing from the table.
func declaredCodes(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Code" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, text)
		}
		return true
	})
	return codes
}

func TestTableHasEveryCodeOnce(t *testing.T) {
	var listed []string
	for row := range fault.Table {
		listed = append(listed, string(row.Code))
		if row.Meaning == "" || strings.HasSuffix(row.Meaning, ".") {
			t.Errorf("%s: the meaning is empty or ends in a full stop: %q", row.Code, row.Meaning)
		}
		if row.Class != fault.Refused && row.Class != fault.Usage && row.Class != fault.Undecided {
			t.Errorf("%s: class %d is not valid for a failure", row.Code, row.Class)
		}
		if row.GRPC == 0 || row.GRPC > 16 {
			t.Errorf("%s: gRPC code %d is not valid for a failure", row.Code, row.GRPC)
		}
		if !regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`).MatchString(string(row.Code)) {
			t.Errorf("%q is not a word for scripts", row.Code)
		}
		if fault.Lookup(row.Code) != row {
			t.Errorf("Lookup(%s) returns another row", row.Code)
		}
	}
	declared := declaredCodes(t)
	slices.Sort(listed)
	slices.Sort(declared)
	if !slices.Equal(listed, declared) {
		t.Errorf("the table has\n%v\nbut the constants are\n%v", listed, declared)
	}
	if double := len(listed) - len(slices.Compact(listed)); double != 0 {
		t.Errorf("%d codes are duplicates", double)
	}
}

func TestLookupOfAnUnknownCode(t *testing.T) {
	row := fault.Lookup("no_such_code")
	if row.Class != fault.Undecided || row.GRPC != fault.GRPCInternal || row.Code != "no_such_code" || row.Meaning == "" {
		t.Errorf("got %+v", row)
	}
}

func TestClassOf(t *testing.T) {
	refused := fault.New(fault.TokenExpired, "exp", "expired")
	usage := fault.New(fault.UsageError, "--x", "wrong")
	undecided := fault.New(fault.KeyInvalid, "k", "broken")
	tests := map[string]struct {
		err  error
		want fault.Class
	}{
		"none":                               {nil, fault.Done},
		"refused":                            {refused, fault.Refused},
		"usage":                              {usage, fault.Usage},
		"undecided":                          {undecided, fault.Undecided},
		"unknown code":                       {fault.New("odd", "", "odd"), fault.Undecided},
		"no code":                            {errors.New("plain"), fault.Undecided},
		"wrapped":                            {fmt.Errorf("a: %w", fmt.Errorf("b: %w", refused)), fault.Refused},
		"two refusals":                       {errors.Join(refused, refused), fault.Refused},
		"most severe last":                   {errors.Join(refused, usage, undecided), fault.Undecided},
		"most severe first":                  {errors.Join(undecided, refused), fault.Undecided},
		"refusal decides":                    {fault.RefuseIfAny(errors.Join(undecided, refused)), fault.Refused},
		"refusal in a nested list":           {fault.RefuseIfAny(errors.Join(undecided, errors.Join(refused, undecided))), fault.Refused},
		"no refusal to decide":               {fault.RefuseIfAny(errors.Join(undecided, undecided)), fault.Undecided},
		"nothing to decide":                  {fault.RefuseIfAny(nil), fault.Done},
		"failed after a refusal":             {errors.Join(fault.RefuseIfAny(errors.Join(undecided, refused)), undecided), fault.Undecided},
		"most severe nested":                 {fmt.Errorf("x: %w", errors.Join(refused, errors.Join(usage))), fault.Usage},
		"several %w":                         {fmt.Errorf("%w and %w", refused, usage), fault.Usage},
		"refusal and error without a code":   {errors.Join(refused, errors.New("plain")), fault.Undecided},
		"outer code counts":                  {fault.New(fault.TokenMalformed, "", "x: %w", undecided), fault.Refused},
		"only errors without a code":         {errors.Join(errors.New("a"), errors.New("b")), fault.Undecided},
		"plain error around one with a code": {fmt.Errorf("x: %w", usage), fault.Usage},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			if got := fault.ClassOf(c.err); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	base := fault.New(fault.KeyInvalid, "k.pem", "%d bytes: %w", 3, fs.ErrClosed)
	if got := base.Error(); got != "k.pem: 3 bytes: file already closed" {
		t.Errorf("got %q", got)
	}
	if got := base.About("").Error(); got != "3 bytes: file already closed" {
		t.Errorf("without a subject: got %q, want %q", got, "3 bytes: file already closed")
	}
	hinted := base.WithHint("try %s", "x")
	if hinted.Hint != "try x" || base.Hint != "" {
		t.Errorf("WithHint: got %q, and it changed the original to %q, want %q, none",
			hinted.Hint, base.Hint, "try x")
	}
	if moved := hinted.About("j.pem"); moved.What != "j.pem" || moved.Hint != "try x" || base.What != "k.pem" {
		t.Errorf("About: %+v from %+v", moved, base)
	}
}

func TestErrorIs(t *testing.T) {
	err := fmt.Errorf("x: %w", errors.Join(
		fault.New(fault.TokenExpired, "exp", "expired"),
		fault.New(fault.KeyInvalid, "k.pem", "%w", fs.ErrClosed)))
	if !fault.Has(err, fault.KeyInvalid) || !fault.Has(err, fault.TokenExpired) {
		t.Error("Has misses the codes of joined errors")
	}
	if fault.Has(err, fault.KeyWeak) || fault.Has(nil, fault.KeyWeak) {
		t.Error("Has finds a missing code")
	}
	if !errors.Is(err, fs.ErrClosed) {
		t.Error("the cause is lost")
	}
	if got := fault.CodeOf(err); got != fault.TokenExpired {
		t.Errorf("CodeOf: got %q, want the first", got)
	}
	if got := fault.CodeOf(errors.New("plain")); got != "" {
		t.Errorf("CodeOf of an error without a code: got %q, want none", got)
	}
	if full := fault.New(fault.KeyInvalid, "other.pem", "else"); errors.Is(err, full) {
		t.Error("errors.Is treats two faults with one code as equal")
	}
}

// TestMapChangesEachFault: errors that are not faults are kept, as are faults that are not
// changed, with what wraps them.
func TestMapChangesEachFault(t *testing.T) {
	t.Parallel()
	plain, kept := errors.New("plain"), fault.New(fault.KeyMissing, "kept", "why")
	wrapped := fmt.Errorf("around: %w", kept)
	got := fault.Map(errors.Join(plain, wrapped, fault.New(fault.KeyMissing, "old", "why")), func(f *fault.Error) error {
		if f.What == "old" {
			return f.About("new")
		}
		return f
	})
	if all := fault.All(got); len(all) != 3 || all[0] != plain || all[1] != wrapped || all[2].Error() != "new: why" {
		t.Errorf("got %v", all)
	}
	if got := fault.Map(kept, func(f *fault.Error) error { return f }); got != error(kept) {
		t.Errorf("got %#v", got)
	}
	if got := fault.Map(nil, nil); got != nil {
		t.Errorf("got %v", got)
	}
}
