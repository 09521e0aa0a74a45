package idp_test

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"runtime"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestLoginsLeaveNoMemoryBehind makes a thousand logins, each in a new browser, with a
// refresh and a userinfo request. What they leave is limited in number and time
// (TestStoreIsBoundedInNumberAndTime).
func TestLoginsLeaveNoMemoryBehind(t *testing.T) {
	r := start(t, nil)
	r.browser.Transport = http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(r.browser.CloseIdleConnections)
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	logins := func(n int) {
		for range n {
			r.browser.Jar, _ = cookiejar.New(nil)
			got := r.json(r.renew(r.tokens("alice")))
			if status := r.userinfo(got["access_token"]); status != http.StatusOK {
				t.Fatalf("userinfo: got %d, want %d", status, http.StatusOK)
			}
			r.clock.pass(time.Minute)
		}
	}
	logins(100)
	before, threads := heap(), runtime.NumGoroutine()
	logins(1000)
	grown := int64(heap()) - int64(before)
	t.Logf("%d kB more after 1,000 logins", grown/1024)
	if grown > 3<<20 {
		t.Errorf("the heap has grown by %d kB", grown/1024)
	}
	testkit.Eventually(t, fmt.Sprintf("no more than %d goroutines are left", threads+10), func() bool { return runtime.NumGoroutine() <= threads+10 })
}
