package explain

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/suggest"
)

// selection is what a View includes.
type selection struct {
	all      bool
	methods  map[*policy.Method]bool
	messages map[*policy.Message]bool
}

func choose(p *policy.Policy, names []string) (*selection, error) {
	s := &selection{len(names) == 0, map[*policy.Method]bool{}, map[*policy.Message]bool{}}
	if s.all {
		for _, service := range p.Services {
			s.service(service)
		}
		for _, m := range p.Messages {
			if m.BearerToken || len(m.Fields) > 0 {
				s.message(m)
			}
		}
		return s, nil
	}
	services := map[string]*policy.Service{}
	for _, service := range p.Services {
		services[string(service.Desc.FullName())] = service
	}
	for _, name := range names {
		if m := p.Method(name); m != nil {
			s.method(m)
		} else if service := services[name]; service != nil {
			s.service(service)
		} else if m := p.Message(protoreflect.FullName(name)); m != nil {
			s.message(m)
		} else {
			return nil, unknownName(p, name)
		}
	}
	return s, nil
}

func (s *selection) service(service *policy.Service) {
	for _, m := range service.Methods {
		s.method(m)
	}
}

func (s *selection) method(m *policy.Method) {
	s.methods[m] = true
	if m.EffectiveRules().ValidatesMessage() {
		s.message(m.Input)
	}
	if m.EffectiveRules().SignsMessage() {
		s.message(m.Output)
	}
}

// message selects m and, through nested tokens, what it leads to.
func (s *selection) message(m *policy.Message) {
	for m := range policy.Reachable([]*policy.Message{m}, (*policy.Field).NestsTokens) {
		s.messages[m] = true
	}
}

func unknownName(p *policy.Policy, name string) error {
	err := fault.New(fault.UsageError, quote.Shorten(name), "no such method, service or message in the input")
	if near := nearest(p, name); near != "" {
		return err.WithHint("did you mean %s?", near)
	}
	if strings.HasSuffix(name, ".proto") {
		return err.WithRemedy(fault.NameSources)
	}
	return err.WithHint("use full names: pkg.Service/Method, pkg.Service or pkg.Message")
}

// nearest returns the name that was probably meant, or "".
func nearest(p *policy.Policy, name string) string {
	var names []string
	for _, s := range p.Services {
		for _, m := range s.Methods {
			names = append(names, m.Name())
		}
		names = append(names, string(s.Desc.FullName()))
	}
	for _, m := range p.Messages {
		names = append(names, full(m))
	}
	return suggest.Nearest(name, names)
}
