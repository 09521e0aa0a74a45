package protofile

import (
	"context"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestMessageSetStopsNothing: a file with a MessageSet, and with extension numbers that
// only those may have, is read from source and from a set, and the set knows about it.
// (A38)
func TestMessageSetStopsNothing(t *testing.T) {
	dir := testkit.Folder(t, map[string]string{
		"old.proto": `syntax = "proto2"; package old;
			message Outer { message Old { option message_set_wire_format = true; extensions 4 to 100, 1000000000 to max; } optional Old old = 1; }
			message Item { extend Outer.Old { optional Item item = 1547769000; optional Item low = 5; } }`,
		"a.proto": `syntax = "proto2"; package t; import "old.proto"; import "kalix/annotations.proto";
			extend old.Outer.Old { optional old.Item far = 2147483646; }
			message M { optional string token = 1 [(kalix.field).jwt = {token: true}]; }`,
	})
	for name, src := range map[string]Sources{
		"source":   {Protos: []string{dir}},
		"protoc's": {DescriptorSets: []string{protocWith(t, []string{dir, own}, []string{"a.proto", "old.proto"}, "--include_imports")}},
	} {
		set := load(t, src)
		if !set.IsMessageSet("old.Outer.Old") || set.IsMessageSet("old.Outer") || set.IsMessageSet("old.Item") {
			t.Errorf("%s: got %v", name, set.Files())
		}
		if set.Annotation(set.Message("t.M").Fields().Get(0)) == nil {
			t.Errorf("%s: the annotation next to it was dropped", name)
		}
		if n := set.Message("old.Outer.Old").ExtensionRanges().Len(); n != 1 {
			t.Errorf("%s: %d extension ranges, want 1", name, n)
		}
	}
}

// TestErrorsHaveNoUnstablePrefix: the prefix of protobuf's errors, whose white space
// varies between builds, is removed.
func TestErrorsHaveNoUnstablePrefix(t *testing.T) {
	dir := testkit.Folder(t, map[string]string{"a.proto": `syntax = "proto3"; package t; message M {}`, "b.proto": `syntax = "proto3"; package t; message M {}`})
	a := protocWith(t, []string{dir}, []string{"a.proto"})
	b := protocWith(t, []string{dir}, []string{"b.proto"})
	_, err := Load(context.Background(), Sources{DescriptorSets: []string{a, b}})
	if !fault.Has(err, fault.DescriptorInvalid) || strings.Contains(err.Error(), "\u00a0") || strings.Contains(err.Error(), " proto:") {
		t.Errorf("%q", err)
	}
}
