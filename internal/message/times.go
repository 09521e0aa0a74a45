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

// looseTime matches a time that RFC 3339 section 5.6 does not permit, but Go's time.Parse
// accepts, and so protojson: with an hour of one digit, a comma before the fraction, or an
// offset from UTC of more than 23 hours or 59 minutes.
var looseTime = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[0-9]:|[0-9:]+,|[0-9:.]+[+-](?:(?:2[4-9]|[3-9][0-9]):[0-9]{2}|[0-9]{2}:[6-9][0-9])$)`)
})

// containsTimes reports whether desc is a Timestamp or Any.
func containsTimes(desc protoreflect.MessageDescriptor) bool {
	return desc.FullName() == "google.protobuf.Timestamp" || desc.FullName() == anyName
}

// checkTimes refuses loose times in data, which was parsed into m.
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
		if text, _ := strictjson.String(strictjson.Value(value)); isName(dec) || !looseTime().MatchString(text) {
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
	const reason = "a time must have the form 2026-01-31T08:00:00.5Z, with an offset of at most 23:59 (RFC 3339 section 5.6)"
	if count > 1 { // it is not known which of them is the time
		return malformed(reason)
	}
	return malformed("line %s: %s", positionOf(data, first), reason)
}
