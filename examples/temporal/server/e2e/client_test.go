package e2e

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"
)

// The greeting of ../../greeting, which is in a separate module: its SDK and this server
// need different versions of go.temporal.io/api.
const (
	greetingWorkflow = "Workflow"
	greetingQueue    = "jwtctl-greeting"
)

// authorization is the value of an Authorization header, the same in every request; empty sends none.
type authorization string

// GetHeaders makes it an SDK headers provider.
func (a authorization) GetHeaders(context.Context) (map[string]string, error) {
	if a == "" {
		return nil, nil
	}
	return map[string]string{"authorization": string(a)}, nil
}

// headersProvider is the SDK's interface, which it does not export.
type headersProvider interface {
	GetHeaders(context.Context) (map[string]string, error)
}

// client connects lazily, so that a refused token fails the call that is tested and not the connection.
func (s *server) client(t *testing.T, namespace string, headers headersProvider) client.Client {
	t.Helper()
	c, err := client.NewLazyClient(client.Options{
		HostPort:        s.address,
		Namespace:       namespace,
		HeadersProvider: headers,
		Logger:          log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// mustRegister registers namespaces with a system token and waits until the whole server
// knows them: it caches for about a second that a namespace does not exist.
func (s *server) mustRegister(t *testing.T, system authorization, namespaces ...string) {
	t.Helper()
	for _, namespace := range namespaces {
		c := s.client(t, namespace, system)
		if err := register(c, namespace); err != nil {
			t.Fatalf("register namespace %s with a system token: %v", namespace, err)
		}
		eventually(t, "namespace "+namespace+" known", func() error { return count(c) })
	}
}

// register registers a namespace, which requires the role admin in it or in
// temporal-system.
func register(c client.Client, namespace string) error {
	ctx, cancel := callContext()
	defer cancel()
	_, err := c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace:                        namespace,
		WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	return err
}

// count counts workflows, which requires the role read and uses the server's namespace
// cache.
func count(c client.Client) error {
	ctx, cancel := callContext()
	defer cancel()
	_, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{})
	return err
}

// startWorkflow only starts a workflow, which requires the role write.
func startWorkflow(c client.Client) error {
	ctx, cancel := callContext()
	defer cancel()
	_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: "nobody-works-here"}, greetingWorkflow, "Temporal")
	return err
}

// greet runs a workflow to its end.
func greet(c client.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	started, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: greetingQueue}, greetingWorkflow, "Temporal")
	if err != nil {
		return err
	}
	var got string
	if err := started.Get(ctx, &got); err != nil {
		return err
	}
	if want := "Hello Temporal!"; got != want {
		return fmt.Errorf("result %q, want %q", got, want)
	}
	return nil
}

// refused returns nil if err is the one response that the server gives to a caller it
// refuses, whatever the cause.
func refused(err error) error {
	var denied *serviceerror.PermissionDenied
	switch {
	case err == nil:
		return errors.New("the call was allowed")
	case !errors.As(err, &denied) || denied.Message != "Request unauthorized.":
		return fmt.Errorf("want PermissionDenied: Request unauthorized., got: %w", err)
	default:
		return nil
	}
}
