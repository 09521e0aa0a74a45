package descset

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/suggest"
)

// The compiler's messages for a member or value that is not in the schema. Compiled only
// when a source has an error, to keep the start fast.
var (
	noMember = lazyRegexp(`\(((?:kalix|jwtctl\.v1)\.\w+)\).*field (\w+) (?:of (\S+) does not exist|not found)`)
	noValue  = lazyRegexp(`enum ((?:kalix|jwtctl\.v1)\.\S+) has no value named (\w+)`)
)

func lazyRegexp(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// Suggest returns the member or value of an annotation that was probably meant, given the
// compiler's error reason; "" if none is similar.
func (s *Schema) Suggest(reason string) string {
	if m := noValue().FindStringSubmatch(reason); m != nil {
		return suggest.Nearest(m[2], s.values(m[1]))
	}
	m := noMember().FindStringSubmatch(reason)
	if m == nil {
		return ""
	}
	// In a literal the error does not name the message: it is that of jwt, or of a static
	// claim in it.
	of := []string{m[3]}
	if m[3] == "" {
		of = nil
		for _, spellings := range s.kinds {
			for _, k := range spellings {
				if string(k.extension) == m[1] {
					of = []string{string(k.as), "kalix.JwtStaticClaim"}
				}
			}
		}
	}
	var names []string
	for _, message := range of {
		for _, f := range s.messages[message].GetField() {
			names = append(names, f.GetName())
		}
	}
	return suggest.Nearest(m[2], names)
}

// values returns the names of the values of the enum called name.
func (s *Schema) values(name string) (list []string) {
	message, enum := name[:strings.LastIndexByte(name, '.')], name[strings.LastIndexByte(name, '.')+1:]
	at := slices.IndexFunc(s.messages[message].GetEnumType(), func(e *descriptorpb.EnumDescriptorProto) bool { return e.GetName() == enum })
	if at < 0 {
		return nil
	}
	for _, v := range s.messages[message].GetEnumType()[at].GetValue() {
		list = append(list, v.GetName())
	}
	return list
}
