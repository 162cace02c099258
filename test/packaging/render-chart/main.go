// Renders a Helm chart with several values files, as `helm template` does, and decodes every manifest strictly into Kubernetes's own
// types: what a server would refuse, or silently drop, is an error here. Needs no cluster and no network.
//
//	render-chart <chart> <values file>...
//
// It prints JSON: for each values file what is wrong, and the manifests.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

type rendered struct {
	Values    string            `json:"values"`
	Problems  []string          `json:"problems"`
	Manifests []json.RawMessage `json:"manifests"`
}

var types = map[string]func() any{
	"apps/v1 Deployment":                  func() any { return &appsv1.Deployment{} },
	"apps/v1 StatefulSet":                 func() any { return &appsv1.StatefulSet{} },
	"v1 Service":                          func() any { return &corev1.Service{} },
	"policy/v1 PodDisruptionBudget":       func() any { return &policyv1.PodDisruptionBudget{} },
	"networking.k8s.io/v1 NetworkPolicy":  func() any { return &networkingv1.NetworkPolicy{} },
	"networking.k8s.io/v1 Ingress":        func() any { return &networkingv1.Ingress{} },
	"monitoring.coreos.com/v1 PodMonitor": func() any { return &map[string]any{} },
}

func main() {
	all := []rendered{}
	for _, values := range os.Args[2:] {
		all = append(all, render(os.Args[1], values))
	}
	if err := json.NewEncoder(os.Stdout).Encode(all); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render(folder, file string) rendered {
	result := rendered{Values: file, Problems: []string{}, Manifests: []json.RawMessage{}}
	wrong := func(what string, err error) rendered {
		result.Problems = append(result.Problems, fmt.Sprintf("%s: %v", what, err))
		return result
	}
	chart, err := loader.LoadDir(folder)
	if err != nil {
		return wrong("chart", err)
	}
	values, err := chartutil.ReadValuesFile(file)
	if err != nil {
		return wrong(file, err)
	}
	options := chartutil.ReleaseOptions{Name: "bridge", Namespace: "partoo", Revision: 1, IsInstall: true}
	toRender, err := chartutil.ToRenderValues(chart, values, options, chartutil.DefaultCapabilities)
	if err != nil {
		return wrong("values", err)
	}
	files, err := engine.Render(chart, toRender)
	if err != nil {
		return wrong("templates", err)
	}
	names := []string{}
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		for _, manifest := range strings.Split(files[name], "\n---") {
			if strings.TrimSpace(strings.TrimPrefix(manifest, "---")) == "" {
				continue
			}
			text, err := check(manifest)
			if err != nil {
				wrong(name, err)
				continue
			}
			result.Manifests = append(result.Manifests, text)
		}
	}
	return result
}

func check(manifest string) (json.RawMessage, error) {
	var kind struct{ ApiVersion, Kind string }
	if err := yaml.Unmarshal([]byte(manifest), &kind); err != nil {
		return nil, err
	}
	create, known := types[kind.ApiVersion+" "+kind.Kind]
	if !known {
		return nil, fmt.Errorf("nobody checks %s %s", kind.ApiVersion, kind.Kind)
	}
	if err := yaml.UnmarshalStrict([]byte(manifest), create()); err != nil {
		return nil, err
	}
	return yaml.YAMLToJSON([]byte(manifest))
}
