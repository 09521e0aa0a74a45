// Package kubernetes checks the manifests of this folder against the types of Kubernetes.
// A test of internal/cli runs them.
package kubernetes

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// TestManifests: each object is of a known kind and version, and has no field that
// Kubernetes would ignore or refuse.
func TestManifests(t *testing.T) {
	paths, err := filepath.Glob("*.yaml")
	if err != nil || len(paths) != 3 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range bytes.Split(text, []byte("\n---\n")) {
			var kind struct{ APIVersion, Kind string }
			if err := yaml.Unmarshal(one, &kind); err != nil {
				t.Fatal(path, err)
			}
			into, known := map[string]any{
				"v1 ConfigMap": &corev1.ConfigMap{}, "v1 Service": &corev1.Service{},
				"apps/v1 Deployment":                     &appsv1.Deployment{},
				"policy/v1 PodDisruptionBudget":          &policyv1.PodDisruptionBudget{},
				"autoscaling/v2 HorizontalPodAutoscaler": &autoscalingv2.HorizontalPodAutoscaler{},
				"networking.k8s.io/v1 NetworkPolicy":     &networkingv1.NetworkPolicy{},
			}[kind.APIVersion+" "+kind.Kind]
			if !known {
				t.Errorf("%s: unknown kind %+v", path, kind)
			} else if err := yaml.UnmarshalStrict(one, into); err != nil {
				t.Errorf("%s: %s: %v", path, kind.Kind, err)
			}
		}
	}
}
