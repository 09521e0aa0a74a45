package idp

import (
	"context"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// device is a login on a device without a browser (RFC 8628).
type device struct {
	client   *Client
	userCode string
	scopes   []string
	expires  time.Time
	user     *User // nil until a user is chosen
	denied   bool
	authTime time.Time
}

func (s *storage) StoreDeviceAuthorization(_ context.Context, client, deviceCode, userCode string, expires time.Time, scopes []string) error {
	if _, taken := s.userCode.get(userCode); taken {
		return op.ErrDuplicateUserCode
	}
	c, known := s.p.clients[client]
	if !known {
		return oidc.ErrInvalidClient()
	}
	s.devices.put(deviceCode, device{client: c, userCode: userCode, scopes: scopes, expires: expires})
	s.userCode.put(userCode, deviceCode)
	return nil
}

// GetDeviceAuthorizatonState has this spelling in the library.
func (s *storage) GetDeviceAuthorizatonState(_ context.Context, client, deviceCode string) (*op.DeviceAuthorizationState, error) {
	d, found := s.devices.get(deviceCode)
	if !found || d.client.ID != client {
		return nil, oidc.ErrInvalidGrant().WithDescription("unknown device code")
	}
	state := &op.DeviceAuthorizationState{
		ClientID: client, Audience: []string{client}, Scopes: d.scopes, Expires: d.expires,
		Done: d.user != nil, Denied: d.denied, AuthTime: d.authTime,
	}
	if d.user != nil {
		state.Subject = d.user.Name
		state.AMR = []string{deviceCode} // see deviceGrant
	}
	return state, nil
}

// deviceGrant uses up the device code of state. The only field in which the library
// passes it on is AMR, which mint does not turn into a claim.
func (s *storage) deviceGrant(state *op.DeviceAuthorizationState) (grant, error) {
	if len(state.AMR) != 1 {
		return grant{}, oidc.ErrServerError()
	}
	d, found := s.devices.take(state.AMR[0])
	if !found || d.user == nil {
		return grant{}, oidc.ErrInvalidGrant().WithDescription("the device code was used before")
	}
	s.userCode.take(d.userCode)
	return grant{Client: d.client, User: d.user, Scopes: d.scopes, AuthTime: d.authTime, Session: newID()}, nil
}

// answerDevice sets who logs in at the device that shows userCode; nil denies the login.
// It reports whether there is such a device.
func (s *storage) answerDevice(userCode string, user *User) bool {
	deviceCode, found := s.userCode.get(normalUserCode(userCode))
	if !found {
		return false
	}
	return s.devices.update(deviceCode, func(d *device) bool {
		if d.user != nil || d.denied {
			return false
		}
		d.user, d.denied, d.authTime = user, user == nil, s.p.o.Now()
		return true
	})
}

// normalUserCode returns a user code in the library's format, however it was typed.
func normalUserCode(text string) string {
	text = strings.ToUpper(strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, text))
	if len(text) != 8 {
		return ""
	}
	return text[:4] + "-" + text[4:]
}
