package authz

import (
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/compress"
	"github.com/jwtctl/jwtctl/internal/enforce"
)

// answerRequest returns the responses to the headers of a request that passed so far:
// now, or with its first message.
func (x *exchange) answerRequest(e event) [][]byte {
	v := x.a.pass(x.call, e.headers)
	m := mutation{v.Set, v.Remove}
	if x.messages && !x.frameless && x.response.extracts {
		m.accept(e.headers)
	}
	answer := headersAnswer(requestHeaders, m, x.frameless)
	once := x.modes.request != bodyDuplex && x.modes.response != bodyDuplex && !x.frameless
	if !x.call.UsesMessages() && once && !x.modes.eager && (x.modes.request != bodyNone || x.modes.response != bodyNone) {
		answer = withoutBodies(answer)
	}
	hold := x.modes.request == bodyDuplex || x.modes.request == bodyGRPC || x.modes.request == bodyStreamed && x.modes.eager
	if hold && x.needsVerdict && !e.end {
		x.request.heldHeaders = answer
		return nil
	}
	return [][]byte{answer}
}

// accept makes the server use an encoding that can be decoded here, out of those that the
// client accepts.
func (m *mutation) accept(headers []Header) {
	const name = "grpc-accept-encoding"
	var known []string
	lists := values(headers, name)
	for one := range strings.SplitSeq(strings.Join(lists, ","), ",") {
		if one = strings.TrimSpace(one); one == identity || compress.Find(one) != nil {
			known = append(known, one)
		}
	}
	switch {
	case len(lists) == 0:
	case len(known) == 0:
		m.remove = append(m.remove, name)
	default:
		m.set = append(slices.Clip(m.set), enforce.Pair{Key: name, Value: strings.Join(known, ",")})
	}
}

// pathIn returns the only path in e.
func pathIn(e event) (string, *enforce.Refusal) {
	all := append(values(e.headers, ":path"), e.paths...)
	if len(all) == 0 || slices.ContainsFunc(all, func(path string) bool { return path != all[0] }) {
		return "", misconfigured("ext_proc", "got %d paths in the request headers, want 1; grpc-go needs request.path in request_attributes", len(all))
	}
	return all[0], nil
}

// values returns the values of the headers called name.
func values(headers []Header, name string) (list []string) {
	for _, h := range headers {
		if h.Name == name {
			list = append(list, h.Value)
		}
	}
	return list
}

func joined(headers []Header, name string) string { return strings.Join(values(headers, name), ",") }
