package diff

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/policy"
)

// matched pairs the elements of two versions: first by name, then renamed ones.
type matched[T any] struct {
	pairs   [][2]T
	added   []T // only in the later version
	removed []T // only in the earlier one
}

// match pairs by each of keys in turn, if a key is unique among the remaining elements on
// either side. The result does not depend on which version is first.
func match[T any](from, to []T, keys ...func(T) string) matched[T] {
	m := matched[T]{removed: from, added: to}
	for _, key := range keys {
		a, b := unique(m.removed, key), unique(m.added, key)
		pick := func(x T) bool {
			k := key(x)
			_, inA := a[k]
			_, inB := b[k]
			return k != "" && inA && inB
		}
		for _, x := range m.removed {
			if pick(x) {
				m.pairs = append(m.pairs, [2]T{x, b[key(x)]})
			}
		}
		m.removed = slices.DeleteFunc(slices.Clone(m.removed), pick)
		m.added = slices.DeleteFunc(slices.Clone(m.added), pick)
	}
	return m
}

// unique returns the elements whose key no other has.
func unique[T any](list []T, key func(T) string) map[string]T {
	found, count := map[string]T{}, map[string]int{}
	for _, x := range list {
		k := key(x)
		found[k] = x
		if count[k]++; count[k] > 1 {
			delete(found, k)
		}
	}
	return found
}

func matchServices(from, to []*policy.Service) matched[*policy.Service] {
	return match(from, to,
		func(s *policy.Service) string { return string(s.Desc.FullName()) },
		func(s *policy.Service) string { return string(s.Desc.Name()) },
		func(s *policy.Service) string { // the same methods
			var names []string
			for _, m := range s.Methods {
				names = append(names, string(m.Desc.Name()))
			}
			slices.Sort(names)
			return strings.Join(names, " ")
		})
}

func matchMethods(from, to []*policy.Method) matched[*policy.Method] {
	return match(from, to,
		func(m *policy.Method) string { return string(m.Desc.Name()) },
		messagesOf)
}

// messagesOf returns the names of m's request and response messages.
func messagesOf(m *policy.Method) string {
	return string(m.Input.Desc.Name()) + " " + string(m.Output.Desc.Name())
}

func matchMessages(from, to []*policy.Message) matched[*policy.Message] {
	return match(from, to,
		func(m *policy.Message) string { return string(m.Desc.FullName()) },
		func(m *policy.Message) string { // in a package of another name
			return strings.TrimPrefix(string(m.Desc.FullName()), string(m.Desc.ParentFile().Package())+".")
		})
}

// matchFields maps the fields of one message to those of the other, by name, or else by
// number.
func matchFields(from, to protoreflect.MessageDescriptor) map[protoreflect.FieldDescriptor]protoreflect.FieldDescriptor {
	m := match(slices.Collect(descset.Each(from.Fields())), slices.Collect(descset.Each(to.Fields())),
		func(f protoreflect.FieldDescriptor) string { return string(f.Name()) },
		func(f protoreflect.FieldDescriptor) string { return strconv.Itoa(int(f.Number())) })
	found := map[protoreflect.FieldDescriptor]protoreflect.FieldDescriptor{}
	for _, pair := range m.pairs {
		found[pair[0]] = pair[1]
	}
	return found
}
