package finding

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSeverityString(t *testing.T) {
	t.Parallel()
	for severity, want := range map[Severity]string{Note: "note", Warning: "warning", Error: "error", Error + 1: "error", -1: "error"} {
		if got := severity.String(); got != want {
			t.Errorf("Severity(%d) is %q, want %q", int(severity), got, want)
		}
	}
	if Note >= Warning || Warning >= Error {
		t.Error("a higher severity must be the greater number")
	}
}

func TestPositionString(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]Position{
		"f.proto:12:5": {"f.proto", 12, 5},
		"f.proto:12":   {"f.proto", 12, 0},
		"f.proto":      {"f.proto", 0, 5},
		"":             {"", 12, 5},
	} {
		if got := p.String(); got != want {
			t.Errorf("%#v is %q, want %q", p, got, want)
		}
	}
}

func TestS53_SortIsByPlaceAndDropsDuplicates(t *testing.T) {
	t.Parallel()
	a, b := Position{"a", 2, 9}, Position{"b", 1, 1}
	want := []Finding{
		{Pos: Position{"a", 0, 0}, Rule: "z"},
		{Pos: Position{"a", 2, 1}, Rule: "z"},
		{Pos: a, Rule: "x", Message: "2"},
		{Pos: a, Rule: "y", Message: "1", Severity: Error},
		{Pos: a, Rule: "y", Message: "1", Severity: Note},
		{Pos: a, Rule: "y", Message: "2"},
		{Pos: b, Rule: "a"},
		{Pos: Position{"b", 10, 1}, Rule: "a"},
	}
	in := slices.Concat(want, want)
	slices.Reverse(in)
	before := slices.Clone(in)
	if got := Sort(in); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if !reflect.DeepEqual(in, before) {
		t.Error("Sort changed its argument")
	}
}

// TestS53_OrderOfInputDoesNotShow draws findings of which many differ in only one member.
func TestS53_OrderOfInputDoesNotShow(t *testing.T) {
	t.Parallel()
	one := rapid.Custom(func(t *rapid.T) Finding {
		var f Finding
		for range rapid.IntRange(0, 2).Draw(t, "changes") {
			switch text, number := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "text"), rapid.IntRange(1, 2).Draw(t, "number"); rapid.IntRange(0, 7).Draw(t, "member") {
			case 0:
				f.Severity = Severity(number)
			case 1:
				f.Rule = text
			case 2:
				f.Message = text
			case 3:
				f.Hint = text
			case 4:
				f.Subject = text
			case 5:
				f.Pos.File = text
			case 6:
				f.Pos.Line = number
			case 7:
				f.Pos.Column = number
			}
		}
		return f
	})
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOfN(one, 0, 20).Draw(t, "findings")
		permuted := rapid.Permutation(slices.Concat(in, in)).Draw(t, "permuted")
		got := Sort(permuted)
		if want := Sort(in); !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
		for _, f := range in {
			if n := len(slices.DeleteFunc(slices.Clone(got), func(g Finding) bool { return g != f })); n != 1 {
				t.Fatalf("got %+v %d times, want once", f, n)
			}
		}
	})
}

func TestS53_OutputIsIdenticalOver100Runs(t *testing.T) {
	t.Parallel()
	for _, format := range Formats() {
		r := sample()
		want := render(t, r, format)
		for range 100 {
			rand.Shuffle(len(r.Findings), func(i, j int) { r.Findings[i], r.Findings[j] = r.Findings[j], r.Findings[i] })
			rand.Shuffle(len(r.Rules), func(i, j int) { r.Rules[i], r.Rules[j] = r.Rules[j], r.Rules[i] })
			if got := render(t, r, format); got != want {
				t.Fatalf("%s differs:\n%s\nfrom:\n%s", format, got, want)
			}
		}
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	errs, warnings, notes := Count([]Finding{{Severity: Error}, {Severity: Warning}, {Severity: Error}, {Severity: Note}, {Severity: Error + 1}})
	if errs != 3 || warnings != 1 || notes != 1 {
		t.Errorf("got %d errors, %d warnings, %d notes; want 3, 1, 1", errs, warnings, notes)
	}
}
