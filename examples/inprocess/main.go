// Command inprocess is a service that enforces the annotations of shop/shop.proto itself,
// without a proxy: by grpc-go on :8080, and by Connect, gRPC-Web and gRPC on :8081.
//
//	jwtctl keygen --alg ES256 -o key.priv.pem
//	go run . key.priv.pem
package main

import (
	"context"
	"log"
	"net"
	"net/http"
	"os"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/grpc"

	"github.com/jwtctl/jwtctl/connectauth"
	"github.com/jwtctl/jwtctl/examples/inprocess/shop"
	"github.com/jwtctl/jwtctl/examples/inprocess/shop/shopconnect"
	"github.com/jwtctl/jwtctl/grpcauth"
	"github.com/jwtctl/jwtctl/jwtpolicy"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: inprocess KEY-FILE")
	}
	key := jwtpolicy.KeyFile(os.Args[1], jwtpolicy.KeyOptions{})
	policy, err := jwtpolicy.New(context.Background(), jwtpolicy.Linked(), []jwtpolicy.Key{key}, jwtpolicy.Options{})
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:8080")
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(grpcServer(policy).Serve(l)) }()
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Addr: "127.0.0.1:8081", Handler: connectHandler(policy), Protocols: protocols}
	log.Fatal(server.ListenAndServe())
}

func grpcServer(policy *jwtpolicy.Policy) *grpc.Server {
	server := grpc.NewServer(grpcauth.ServerOptions(policy)...)
	shop.RegisterShopServer(server, grpcShop{})
	return server
}

func connectHandler(policy *jwtpolicy.Policy) http.Handler {
	server := connect.NewServer(connectauth.ServerInterceptor(policy))
	shopconnect.RegisterShopHandler(server, connectShop{})
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server)
	return mux
}

// buy serves both kinds of server. The policy has already checked that the caller is a
// customer, and who the caller is.
func buy(ctx context.Context, order *shop.Order) *shop.Receipt {
	claims, _ := jwtpolicy.FromContext(ctx)
	return &shop.Receipt{Buyer: claims.Subject(), Item: order.GetItem()}
}

// show trusts the receipt, because the policy has verified its token.
func show(receipt *shop.Receipt) *shop.Order { return &shop.Order{Item: receipt.GetItem()} }

type grpcShop struct{ shop.UnimplementedShopServer }

func (grpcShop) Buy(ctx context.Context, order *shop.Order) (*shop.Receipt, error) {
	return buy(ctx, order), nil
}

func (grpcShop) Show(_ context.Context, receipt *shop.Receipt) (*shop.Order, error) {
	return show(receipt), nil
}

func (grpcShop) Watch(order *shop.Order, stream grpc.ServerStreamingServer[shop.Order]) error {
	return stream.Send(order)
}

type connectShop struct{}

func (connectShop) Buy(ctx context.Context, order *shop.Order) (*shop.Receipt, error) {
	return buy(ctx, order), nil
}

func (connectShop) Show(_ context.Context, receipt *shop.Receipt) (*shop.Order, error) {
	return show(receipt), nil
}

func (connectShop) Watch(_ context.Context, order *shop.Order, stream shopconnect.ShopWatchServerStream) error {
	return stream.Send(order)
}
