package system

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/term"
)

// errNoTerminal is the error if there is no terminal to prompt on.
var errNoTerminal = errors.New("no terminal to ask on")

// prompt reads a passphrase from the process's terminal, whatever its streams are.
type prompt struct {
	mu      sync.Mutex
	restore func() // turns the echo on again; nil if it is on
}

// read prints text and returns the line typed, without echo.
func (p *prompt) read(text string) ([]byte, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, errNoTerminal
	}
	defer func() { _ = tty.Close() }()
	fd := int(tty.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return nil, errNoTerminal
	}
	p.set(func() {
		_ = term.Restore(fd, state)
		_, _ = fmt.Fprintln(tty)
	})
	defer p.set(nil)
	defer quitAsInterrupt()()
	// Before the prompt, since its answer may come at once, by a paste or a script.
	if err := hideInput(fd); err != nil {
		return nil, errNoTerminal
	}
	defer func() { _ = term.Restore(fd, state) }()
	_, _ = fmt.Fprint(tty, text)
	line, err := term.ReadPassword(fd)
	_, _ = fmt.Fprintln(tty)
	return line, err
}

// quitAsInterrupt turns SIGQUIT (Ctrl+\) into an interrupt until stop is called. By
// default Go would print stacks and exit with the echo still off.
func quitAsInterrupt() (stop func()) {
	quit, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(quit, syscall.SIGQUIT)
	go func() {
		select {
		case <-quit:
			if self, err := os.FindProcess(os.Getpid()); err == nil {
				_ = self.Signal(os.Interrupt)
			}
		case <-done:
		}
	}()
	return func() {
		signal.Stop(quit)
		close(done)
	}
}

func (p *prompt) set(restore func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.restore = restore
}

// quit turns the echo on again if the process exits during a prompt (S74).
func (p *prompt) quit() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.restore != nil {
		p.restore()
	}
}
