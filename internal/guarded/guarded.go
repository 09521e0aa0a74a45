// Package guarded checks the messages of a stream between a transport and a handler, for
// the interceptors of all transports.
package guarded

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"github.com/jwtctl/jwtctl/jwtpolicy"
)

// Stream is the server side of a call. Next must not be called concurrently, nor must
// Answer; the two may run at the same time.
type Stream struct {
	Call *jwtpolicy.Call
	// Receive and Send are those of the transport. Receive returns an error that is
	// io.EOF at the end.
	Receive, Send func(any) error
	// Uncounted is set if the transport delivers any number of requests, whatever the
	// method takes.
	Uncounted bool
	// Refuse converts a refusal to an error of the transport, and Invalid a bug in the
	// program.
	Refuse  func(error) error
	Invalid func(why string) error

	refused atomic.Pointer[error] // what ended the call
	first   proto.Message         // received before the handler is called
	ended   bool                  // the only request of the method was delivered
}

// Serve calls handler. If the method validates its requests, it waits for the first
// accepted one: a call without requests never reaches the handler (A37, S77). Serve
// returns what ended the call, even if the handler ignores it.
func (s *Stream) Serve(ctx context.Context, handler func() error) error {
	if first := s.Call.NewRequest(); first != nil {
		if err := s.receive(ctx, first); err != nil {
			return err
		}
		s.first = first
	}
	err := handler()
	if r := s.refused.Load(); r != nil {
		return *r
	}
	return err
}

// Next receives an accepted request into m, with its EXTRACT and RAW fields filled in. It
// returns io.EOF after the last.
func (s *Stream) Next(ctx context.Context, m any) error {
	first := s.first
	if first == nil {
		return s.receive(ctx, m)
	}
	s.first = nil
	to, ok := m.(proto.Message)
	if !ok {
		return s.Invalid("the handler receives something other than a protobuf message")
	}
	return s.assign(to, first)
}

func (s *Stream) receive(ctx context.Context, m any) error {
	if r := s.refused.Load(); r != nil {
		return *r
	}
	if s.ended {
		return io.EOF
	}
	switch err := s.next(m); {
	case errors.Is(err, io.EOF):
		if err := s.refuse(s.Call.End(ctx)); err != nil {
			return err
		}
		return io.EOF
	case err != nil:
		return err
	}
	request, ok := m.(proto.Message)
	if err := s.refuse(s.Call.Request(ctx, request)); err != nil || !s.Call.OneRequest() {
		return err
	}
	s.ended = true
	if s.Uncounted {
		if !ok {
			return s.Invalid("the handler receives something other than a protobuf message")
		}
		switch err := s.next(request.ProtoReflect().New().Interface()); {
		case err == nil:
			return s.refuse(s.Call.Request(ctx, nil))
		case !errors.Is(err, io.EOF):
			return err
		}
	}
	return s.refuse(s.Call.End(ctx))
}

// next calls Receive, and recovers from panics of protobuf-go 1.36.12 on some invalid
// dynamic messages, which would end the program.
func (s *Stream) next(m any) (err error) {
	defer func() {
		if recover() != nil {
			err = s.Invalid("the message is not valid")
		}
	}()
	return s.Receive(m)
}

// Answer sends m, signed if the method signs. It sends nothing after a refusal.
func (s *Stream) Answer(ctx context.Context, m any) error {
	if r := s.refused.Load(); r != nil {
		return *r
	}
	if !s.Call.Signs() {
		return s.Send(m)
	}
	response, _ := m.(proto.Message)
	signed, err := s.Call.Response(ctx, response)
	if err != nil {
		return s.refuse(err)
	}
	return s.Send(signed)
}

// refuse ends the call with err, which may be nil, as an error of the transport.
func (s *Stream) refuse(err error) error {
	if err == nil {
		return nil
	}
	err = s.Refuse(err)
	s.refused.CompareAndSwap(nil, &err)
	return *s.refused.Load()
}

// assign copies from to to.
func (s *Stream) assign(to, from proto.Message) error {
	if to.ProtoReflect().Descriptor() == from.ProtoReflect().Descriptor() {
		proto.Reset(to)
		proto.Merge(to, from)
		return nil
	}
	wire, err := proto.Marshal(from)
	if err == nil {
		err = proto.Unmarshal(wire, to)
	}
	if err != nil {
		return s.Invalid("the request does not fit the handler's message")
	}
	return nil
}
