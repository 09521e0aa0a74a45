// Package greeting is the smallest workflow that shows a worker at work: one activity, one result.
package greeting

import (
	"context"
	"time"

	"go.temporal.io/sdk/workflow"
)

// TaskQueue is where the starter leaves work and the worker looks for it.
const TaskQueue = "jwtctl-greeting"

// Workflow greets by way of the activity, so that both kinds of task pass through the worker.
func Workflow(ctx workflow.Context, name string) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 10 * time.Second})
	var greeting string
	err := workflow.ExecuteActivity(ctx, Activity, name).Get(ctx, &greeting)
	return greeting, err
}

// Activity makes the greeting.
func Activity(_ context.Context, name string) (string, error) {
	return "Hello " + name + "!", nil
}
