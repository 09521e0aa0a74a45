package proxy_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/jwtctl/jwtctl/internal/policytest"
)

// TestCallCases: calls get the same verdicts as everywhere else, and only accepted
// messages are delivered. A12, A30-A37, A41, A42, A50, S59, S60, S61, S63, S77.
func TestCallCases(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	cases := r.CallCases()
	late := func(c policytest.CallCase) int { // accepted messages may reach the upstream after the response
		if c.Status != 0 && c.Passed > 0 {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(cases, func(a, b policytest.CallCase) int { return late(a) - late(b) })
	for _, c := range cases {
		name, calls, got, before := c.Method+", "+c.Name, r.upstream.calls.Load(), len(r.upstream.received()), len(r.logged.String())
		ctx := metadata.AppendToOutgoingContext(context.Background(), c.Metadata...)
		answer := reply{}
		if _, err := r.Plan.Method("t.S/" + c.Method); err != nil {
			answer.err = r.conn.Invoke(ctx, "/t.S/"+c.Method, &emptypb.Empty{}, &emptypb.Empty{})
		} else {
			answer = r.call(ctx, r.conn, c.Method, c.Requests...)
		}
		if s := status.Convert(answer.err); s.Code() != codes.Code(c.Status) || s.Message() != c.Text {
			t.Errorf("%s: got %v", name, answer.err)
		}
		passed := len(r.upstream.received()) - got
		if late(c) == 0 && (passed > c.Passed || c.Status == 0 && passed != c.Passed || c.Passed == 0 && r.upstream.calls.Load() != calls) {
			t.Errorf("%s: %d requests reached the upstream", name, passed)
		}
		if c.Status != 0 {
			if line := r.waitLog(before, "call refused"); !strings.Contains(line, `"code":"`+string(c.Code)+`"`) {
				t.Errorf("%s: logged %s, want %q in it", name, line, `"code":"`+string(c.Code)+`"`)
			}
		}
	}
}
