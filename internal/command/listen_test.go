package command

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
)

func TestListenErrorsSayWhatToDo(t *testing.T) {
	for number, want := range map[syscall.Errno]string{
		syscall.EADDRINUSE:    "port 0",
		syscall.EADDRNOTAVAIL: "--listen :8080",
		syscall.EACCES:        "below 1024",
		syscall.EMFILE:        "",
	} {
		err := WithPortHint(fault.New(fault.ListenFailed, ":80", "%w", os.NewSyscallError("bind", number)))
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || !strings.Contains(f.Hint, want) || want == "" && f.Hint != "" {
			t.Errorf("%v: got %#v, want %q in its hint", number, err, want)
		}
	}
}
