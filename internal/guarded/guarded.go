// Package guarded decides about the messages of a stream between a transport and a
// handler, for the interceptors of all transports.
package guarded

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"github.com/jwtctl/jwtctl/jwtpolicy"
)

// Stream is the server's side of one call. Next is for one goroutine at a time, as is
// Answer; the two may run at once.
type Stream struct {
	Call *jwtpolicy.Call
	// Receive and Send are those of the transport. Receive ends with an error that is
	// io.EOF.
	Receive, Send func(any) error
	// Uncounted says that the transport delivers any number of requests, whatever the
	// method takes.
	Uncounted bool
	// Refuse makes a refusal an error of the transport, and Invalid what is wrong with
	// the program.
	Refuse  func(error) error
	Invalid func(why string) error

	refused atomic.Pointer[error] // what ended the call
	first   proto.Message         // received before the handler was called
	ended   bool                  // the one request of the method was delivered
}

// Serve calls handler. Where the method validates its requests, that is with the first one
// that has passed: a call without any never reaches it (A37, S77). It returns what ended
// the call, whatever the handler made of that.
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

// Next receives m for the handler: a request that has passed, with its EXTRACT and RAW
// fields filled in; io.EOF when all have come.
func (s *Stream) Next(ctx context.Context, m any) error {
	first := s.first
	if first == nil {
		return s.receive(ctx, m)
	}
	s.first = nil
	to, is := m.(proto.Message)
	if !is {
		return s.Invalid("the handler receives what is not a message of protobuf")
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
	request, is := m.(proto.Message)
	if err := s.refuse(s.Call.Request(ctx, request)); err != nil || !s.Call.OneRequest() {
		return err
	}
	s.ended = true
	if s.Uncounted {
		if !is {
			return s.Invalid("the handler receives what is not a message of protobuf")
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

// next is Receive. protobuf-go 1.36.12 panics on some dynamic messages that are not valid,
// where it would end the program.
func (s *Stream) next(m any) (err error) {
	defer func() {
		if recover() != nil {
			err = s.Invalid("the message is not valid")
		}
	}()
	return s.Receive(m)
}

// Answer sends m, signed where the method signs; after a refusal nothing is sent.
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

// refuse ends the call with err, nil for none, as an error of the transport.
func (s *Stream) refuse(err error) error {
	if err == nil {
		return nil
	}
	err = s.Refuse(err)
	s.refused.CompareAndSwap(nil, &err)
	return *s.refused.Load()
}

// assign makes to what from is.
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
