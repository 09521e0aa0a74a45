package message

import (
	"bytes"
	"regexp"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// impossibleOffset matches a time with a UTC offset that RFC 3339 section 5.6 does not
// permit: more than 23 hours or 59 minutes. Go's time.Parse accepts it, and so does
// protojson.
var impossibleOffset = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`T[0-9:.]+[+-](?:(?:2[4-9]|[3-9][0-9]):[0-9]{2}|[0-9]{2}:[6-9][0-9])$`)
})

// containsTimes reports whether desc is a Timestamp or Any.
func containsTimes(desc protoreflect.MessageDescriptor) bool {
	return desc.FullName() == "google.protobuf.Timestamp" || desc.FullName() == anyName
}

// checkTimes refuses times with an impossible offset in data, which was parsed into m.
// Other strings may look similar, so it replaces each match and parses the data again:
// only a time then fails.
func (c *Codec) checkTimes(m protoreflect.Message, data []byte) *fault.Error {
	var changed []byte
	first, last, count := 0, 0, 0
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	for {
		if dec.PeekKind() != '"' {
			if _, err := dec.ReadToken(); err != nil {
				break // the end: data was parsed before
			}
			continue
		}
		value, err := dec.ReadValue()
		if err != nil {
			break
		}
		if text, _ := strictjson.String(strictjson.Value(value)); isName(dec) || !impossibleOffset().MatchString(text) {
			continue
		}
		end := int(dec.InputOffset())
		if count++; count == 1 {
			first = end - len(value)
		}
		changed = append(append(changed, data[last:end-len(value)]...), `"x"`...)
		last = end
	}
	if count == 0 {
		return nil
	}
	changed = append(changed, data[last:]...)
	err := protojson.UnmarshalOptions{Resolver: c.types, AllowPartial: true}.Unmarshal(changed, m.New().Interface())
	if err == nil {
		return nil
	}
	const why = "the offset of a time must be at most 23:59 (RFC 3339 section 5.6)"
	if count > 1 { // it is not known which of them is the time
		return malformed(why)
	}
	return malformed("line %s: %s", positionOf(data, first), why)
}
