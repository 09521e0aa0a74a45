package cli

import (
	"encoding/json"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/gateway"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// kubeObject is the part of a Kubernetes object that this test reads.
type kubeObject struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string // of a ConfigMap
	Spec     struct {
		Selector, ScaleTargetRef json.RawMessage
		Ports                    []struct{ TargetPort any }
		Template                 struct {
			Metadata struct{ Labels, Annotations map[string]string }
			Spec     podSpec
		}
	}
}

type podSpec struct {
	AutomountServiceAccountToken  *bool
	TerminationGracePeriodSeconds int
	SecurityContext               struct {
		RunAsNonRoot       bool
		RunAsUser, FSGroup int
	}
	Containers []kubeContainer
	Volumes    []struct {
		Name      string
		ConfigMap struct{ Name string }
		Secret    struct {
			SecretName  string
			DefaultMode int
		}
	}
}

type kubeContainer struct {
	Name, Image string
	Args        []string
	Env         []struct{ Name string }
	Ports       []struct {
		Name          string
		ContainerPort int
	}
	LivenessProbe, ReadinessProbe struct{ HTTPGet struct{ Path, Port string } }
	Lifecycle                     struct {
		PreStop struct{ Sleep struct{ Seconds int } }
	}
	Resources       struct{ Requests, Limits map[string]string }
	SecurityContext struct {
		ReadOnlyRootFilesystem   bool
		AllowPrivilegeEscalation *bool
		Capabilities             struct{ Drop []string }
	}
	VolumeMounts []struct {
		Name, MountPath, SubPath string
		ReadOnly                 bool
	}
}

// kubeObjects reads a manifest.
func kubeObjects(t *testing.T, path string) map[string][]kubeObject {
	t.Helper()
	list := map[string][]kubeObject{}
	for d := yaml.NewDecoder(strings.NewReader(testkit.Read(t, path))); ; {
		var v any
		switch err := d.Decode(&v); err {
		case io.EOF:
			return list
		case nil:
			var o kubeObject // JSON ignores the case of names
			if err := json.Unmarshal(testkit.Must(json.Marshal(v)), &o); err != nil {
				t.Fatal(path, err)
			}
			list[o.Kind] = append(list[o.Kind], o)
		default:
			t.Fatal(path, err)
		}
	}
}

// layout is a manifest of examples/kubernetes, with its proxy container.
type layout struct {
	objects map[string][]kubeObject
	pod     podSpec
	labels  map[string]string
	proxy   kubeContainer
	options gateway.Options
	flags   *pflag.FlagSet // bound to options
}

// flagged is implemented by the options of a command.
type flagged interface {
	Register(*pflag.FlagSet)
	Check(command.Deps) error
}

// value returns the value of a flag of the command, or "" if there is no such flag.
func (l *layout) value(flag string) string {
	if f := l.flags.Lookup(flag); f != nil {
		return f.Value.String()
	}
	return ""
}

func openLayout(t *testing.T, name string) *layout {
	t.Helper()
	l := &layout{objects: kubeObjects(t, "../../examples/kubernetes/"+name)}
	if len(l.objects["Deployment"]) != 1 {
		t.Fatal("not exactly one Deployment")
	}
	template := l.objects["Deployment"][0].Spec.Template
	l.pod, l.labels = template.Spec, template.Metadata.Labels
	i := slices.IndexFunc(l.pod.Containers, func(c kubeContainer) bool { return c.Name == "jwtctl" })
	l.proxy = l.pod.Containers[i]
	d := newDeps(newFake(t).System)
	args := slices.DeleteFunc(slices.Clone(l.proxy.Args), func(arg string) bool { return strings.HasPrefix(arg, "--config=") })
	command, options := "proxy", flagged(&l.options)
	if name == "authz.yaml" {
		command, options = "authz", &gateway.AuthzOptions{}
	}
	l.flags = pflag.NewFlagSet(command, pflag.ContinueOnError)
	options.Register(l.flags)
	if err := l.flags.Parse(args[1:]); err != nil || args[0] != command || l.flags.NArg() > 0 {
		t.Fatalf("jwtctl %s: %v", strings.Join(args, " "), err)
	}
	if err := options.Check(d); err != nil {
		t.Errorf("jwtctl %s: %v", strings.Join(args, " "), err)
	}
	return l
}

// TestKubernetesManifests: the manifests agree with docs/scaling.md, and their arguments
// are existing flags.
func TestKubernetesManifests(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"gateway.yaml", "sidecar.yaml", "authz.yaml"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := openLayout(t, name)
			l.checkPod(t)
			l.checkPorts(t)
			l.checkVolumes(t)
			for kind, others := range l.objects {
				for _, o := range others {
					if kind == "PodDisruptionBudget" && !strings.Contains(string(o.Spec.Selector), string(testkit.Must(json.Marshal(l.labels)))) {
						t.Errorf("%s is not for %s", kind, o.Spec.Selector)
					}
					if kind == "HorizontalPodAutoscaler" && !strings.Contains(string(o.Spec.ScaleTargetRef), `"`+l.objects["Deployment"][0].Metadata.Name+`"`) {
						t.Errorf("%s is not for %s", kind, o.Spec.ScaleTargetRef)
					}
				}
			}
			for _, kind := range []string{"ConfigMap", "Service", "PodDisruptionBudget"} {
				if len(l.objects[kind]) == 0 {
					t.Errorf("there is no %s", kind)
				}
			}
			if len(l.objects["HorizontalPodAutoscaler"]) != len(l.objects["NetworkPolicy"]) || (name != "sidecar.yaml") != (len(l.objects["NetworkPolicy"]) == 1) {
				t.Error("a shared deployment has an autoscaler or a network policy")
			}
		})
	}
}

func (l *layout) checkPod(t *testing.T) {
	t.Helper()
	if s := l.pod.SecurityContext; !s.RunAsNonRoot || s.RunAsUser != 65532 || s.FSGroup != 65532 {
		t.Errorf("security context %+v", s)
	}
	if l.pod.AutomountServiceAccountToken == nil || *l.pod.AutomountServiceAccountToken {
		t.Error("it gets a service account token")
	}
	drain, err := l.flags.GetDuration("drain-timeout")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range l.pod.Containers {
		stop := time.Duration(c.Lifecycle.PreStop.Sleep.Seconds) * time.Second
		if stop == 0 || stop+drain >= time.Duration(l.pod.TerminationGracePeriodSeconds)*time.Second {
			t.Errorf("%s: %d s are too few for %s and %s", c.Name, l.pod.TerminationGracePeriodSeconds, stop, drain)
		}
		if c.Name != "jwtctl" && c.Lifecycle.PreStop.Sleep.Seconds <= l.proxy.Lifecycle.PreStop.Sleep.Seconds {
			t.Errorf("%s stops before the proxy", c.Name)
		}
		if s := c.SecurityContext; !s.ReadOnlyRootFilesystem || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) {
			t.Errorf("%s: security context %+v", c.Name, s)
		}
		if c.Resources.Requests["cpu"] == "" || c.Resources.Requests["memory"] == "" || c.Resources.Limits["memory"] == "" {
			t.Errorf("%s: resources %+v", c.Name, c.Resources)
		}
	}
}

func (l *layout) checkPorts(t *testing.T) {
	t.Helper()
	ports := map[string]string{}
	for _, p := range l.proxy.Ports {
		ports[p.Name] = ":" + string(testkit.Must(json.Marshal(p.ContainerPort)))
	}
	if want := map[string]string{"grpc": l.value("listen"), "metrics": l.value("metrics")}; !maps.Equal(ports, want) {
		t.Errorf("got ports %v, want those it listens on: %v", ports, want)
	}
	if p := l.proxy.LivenessProbe.HTTPGet; p.Path != gateway.AlivePath || p.Port != "metrics" {
		t.Errorf("liveness %+v", p)
	}
	if p := l.proxy.ReadinessProbe.HTTPGet; p.Path != gateway.ReadyPath || p.Port != "metrics" {
		t.Errorf("readiness %+v", p)
	}
	if s := l.objects["Service"][0].Spec; len(s.Ports) != 1 || s.Ports[0].TargetPort != "grpc" || !strings.Contains(string(s.Selector), l.labels["app"]) {
		t.Errorf("service %+v", s)
	}
	if a := l.objects["Deployment"][0].Spec.Template.Metadata.Annotations; ":"+a["prometheus.io/port"] != l.value("metrics") || a["prometheus.io/path"] != gateway.MetricsPath {
		t.Errorf("annotations %v", a)
	}
}

func (l *layout) checkVolumes(t *testing.T) {
	t.Helper()
	volumes := map[string]bool{}
	for _, v := range l.pod.Volumes {
		volumes[v.Name] = true
		if v.Secret.SecretName != "" && v.Secret.DefaultMode != 0o400 {
			t.Errorf("%s has mode %o", v.Name, v.Secret.DefaultMode)
		}
		if v.Secret.SecretName == "" && v.ConfigMap.Name != l.objects["ConfigMap"][0].Metadata.Name {
			t.Errorf("%s: got %q", v.Name, v.ConfigMap.Name)
		}
	}
	var mounts []string
	for _, m := range l.proxy.VolumeMounts {
		if !volumes[m.Name] || !m.ReadOnly || m.SubPath != "" {
			t.Errorf("mount %+v", m)
		}
		mounts = append(mounts, m.MountPath)
	}
	for _, path := range []string{l.value("tls-cert"), l.value("tls-key"), l.value("tls-client-ca"), l.value("upstream-ca"), l.value("upstream-cert"), l.value("upstream-key"), "/etc/jwtctl/jwtctl.yaml"} {
		if path != "" && !slices.Contains(mounts, filepath.Dir(path)) {
			t.Errorf("%s is not mounted", path)
		}
	}
}
