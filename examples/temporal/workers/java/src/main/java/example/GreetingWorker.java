package example;

import io.temporal.activity.ActivityInterface;
import io.temporal.activity.ActivityMethod;
import io.temporal.activity.ActivityOptions;
import io.temporal.authorization.AuthorizationGrpcMetadataProvider;
import io.temporal.client.WorkflowClient;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import io.temporal.worker.Worker;
import io.temporal.worker.WorkerFactory;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.nio.file.Path;
import java.time.Duration;

/** A Temporal worker whose token is renewed while it runs. */
public final class GreetingWorker {
  @WorkflowInterface
  public interface Greeting {
    @WorkflowMethod(name = "Workflow")
    String greet(String name);
  }

  @ActivityInterface
  public interface Greeter {
    @ActivityMethod(name = "Activity")
    String greet(String name);
  }

  public static final class GreetingImpl implements Greeting {
    private final Greeter greeter =
        Workflow.newActivityStub(
            Greeter.class,
            ActivityOptions.newBuilder().setStartToCloseTimeout(Duration.ofSeconds(10)).build());

    @Override
    public String greet(String name) {
      return greeter.greet(name);
    }
  }

  public static final class GreeterImpl implements Greeter {
    @Override
    public String greet(String name) {
      return "Hello " + name + "!";
    }
  }

  public static void main(String[] args) {
    TokenFile tokens = new TokenFile(Path.of(System.getenv("TOKEN_FILE")));
    WorkflowServiceStubs service =
        WorkflowServiceStubs.newServiceStubs(
            WorkflowServiceStubsOptions.newBuilder()
                .setTarget(System.getenv("TEMPORAL_ADDRESS"))
                .addGrpcMetadataProvider(new AuthorizationGrpcMetadataProvider(tokens))
                .build());
    WorkerFactory factory = WorkerFactory.newInstance(WorkflowClient.newInstance(service));
    Worker worker = factory.newWorker("jwtctl-greeting");
    worker.registerWorkflowImplementationTypes(GreetingImpl.class);
    worker.registerActivitiesImplementations(new GreeterImpl());
    Runtime.getRuntime().addShutdownHook(new Thread(factory::shutdown));
    factory.start();
  }
}
