package main

import (
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/examples/inprocess/shop"
	"github.com/jwtctl/jwtctl/examples/inprocess/shop/shopconnect"
	"github.com/jwtctl/jwtctl/grpcauth"
	"github.com/jwtctl/jwtctl/internal/grpctest"
	"github.com/jwtctl/jwtctl/jwtpolicy"
	"github.com/jwtctl/jwtctl/jwttest"
)

// TestCallCases makes the calls of the proxy's suite in process, from a module other than
// the root. A12, A30-A37, A41, A42, A50, S59, S60, S61, S63, S77.
func TestCallCases(t *testing.T) { grpctest.HoldCallCases(t) }

// client has what the clients of both protocols can do here.
type client interface {
	Buy(ctx context.Context, token, item string) (*shop.Receipt, error)
	Show(ctx context.Context, receipt *shop.Receipt) (*shop.Order, error)
}

type grpcClient struct{ shop.ShopClient }

func (c grpcClient) Buy(ctx context.Context, token, item string) (*shop.Receipt, error) {
	var options []grpc.CallOption
	if token != "" {
		options = append(options, grpc.PerRPCCredentials(grpcauth.Token(token, true)))
	}
	return c.ShopClient.Buy(ctx, &shop.Order{Item: item}, options...)
}

func (c grpcClient) Show(ctx context.Context, receipt *shop.Receipt) (*shop.Order, error) {
	return c.ShopClient.Show(ctx, receipt)
}

type connectClient struct{ shopconnect.ShopClient }

func (c connectClient) Buy(ctx context.Context, token, item string) (*shop.Receipt, error) {
	ctx, info := connect.NewClientContext(ctx)
	if token != "" {
		info.RequestHeader().Set("Authorization", "Bearer "+token)
	}
	return c.ShopClient.Buy(ctx, &shop.Order{Item: item})
}

// codeOf is the code that a client of either protocol got.
func codeOf(err error) uint32 {
	if e := (*connect.Error)(nil); errors.As(err, &e) {
		return uint32(e.Code())
	}
	return uint32(status.Code(err))
}

// TestShop: the linked policy applies on both servers, with generated code. A32, A33, A42,
// A44, A60.
func TestShop(t *testing.T) {
	kit := jwttest.New(t, jwtpolicy.Linked())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpcServer(kit.Policy)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	h := httptest.NewUnstartedServer(connectHandler(kit.Policy))
	h.EnableHTTP2 = true
	h.StartTLS()
	t.Cleanup(h.Close)
	of := func(options ...connecthttp.Option) client {
		return connectClient{shopconnect.NewShopClient(connect.NewClient(connecthttp.NewTransport(h.Client(), h.URL, options...)))}
	}
	for name, c := range map[string]client{
		"grpc-go": grpcClient{shop.NewShopClient(conn)}, "Connect": of(), "Connect, JSON": of(connecthttp.WithProtoJSON()),
		"gRPC": of(connecthttp.WithGRPC()), "gRPC-Web": of(connecthttp.WithGRPCWeb()),
	} {
		t.Run(name, func(t *testing.T) {
			receipt, err := c.Buy(t.Context(), kit.Token("shop.Shop/Buy", map[string]any{"sub": "alice"}), "tea")
			if err != nil || receipt.GetBuyer() != "alice" || receipt.GetToken() == "" {
				t.Fatalf("got %v, %v", receipt, err)
			}
			for _, w := range kit.Wrong("shop.Shop/Buy", map[string]any{"sub": "alice"}) {
				if _, err := c.Buy(t.Context(), w.Token, "tea"); codeOf(err) != w.Status {
					t.Errorf("%s: %v", w.Name, err)
				}
			}
			receipt.Item = "" // filled in from the token
			if order, err := c.Show(t.Context(), receipt); err != nil || order.GetItem() != "tea" {
				t.Errorf("got %v, %v", order, err)
			}
			receipt.Buyer = "mallory"
			if _, err := c.Show(t.Context(), receipt); codeOf(err) != uint32(codes.PermissionDenied) {
				t.Errorf("another user's receipt: %v", err)
			}
		})
	}
}
