package manifests

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

const chartDir = top + "/examples/helm/git-sync"

// everything sets each value of the chart that changes what is rendered.
const everything = `
options: {repo: "git@example.com:x.git", depth: 0, ref: main, submodules: "off", git-config-add: ["a.b:c", "d.e:f"], max-staleness: 2h}
sshSecret: key
passwordSecret: login
webhookSecret: hook
env: [{name: HTTPS_PROXY, value: "http://proxy:3128"}]
ingress: {enabled: true, host: x.example.com, className: nginx, tlsSecret: tls, annotations: {a: b}}
`

func loaded(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// render does what helm template does.
func render(c *chart.Chart, values string) (map[string]string, error) {
	given := map[string]any{}
	if err := yaml.Unmarshal([]byte(values), &given); err != nil {
		return nil, err
	}
	if err := chartutil.ProcessDependencies(c, given); err != nil {
		return nil, err
	}
	all, err := util.ToRenderValues(c, given, common.ReleaseOptions{Name: "release", Namespace: "sites", IsInstall: true}, nil)
	if err != nil {
		return nil, err
	}
	return engine.Render(c, all)
}

// rendered gives the chart's documents with few values and with all, and those of another chart that includes its templates.
func rendered(t *testing.T) []document {
	t.Helper()
	var all []document
	add := func(name string, c *chart.Chart, values string) {
		files, err := render(c, values)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, file := range slices.Sorted(maps.Keys(files)) {
			if filepath.Ext(file) != ".yaml" {
				continue
			}
			for i, part := range strings.Split(files[file], "\n---\n") {
				if strings.TrimSpace(part) != "" {
					all = append(all, document{fmt.Sprintf("examples/helm:%s:%s:%d", name, file, i+1), []byte(part)})
				}
			}
		}
	}
	add("few", loaded(t), `{options: {repo: "https://example.com/x.git"}, server: {replicas: 1}}`)
	add("all", loaded(t), everything)
	add("openshift", loaded(t), `{options: {repo: "https://example.com/x.git"}, runAs: null}`)
	add("included", including(t), `git-sync: {server: {enabled: false}, options: {repo: "https://example.com/x.git"}, webhookSecret: hook, peers: web-peers}`)
	return all
}

// including is a chart that adds git-sync to its pod in three lines.
func including(t *testing.T) *chart.Chart {
	t.Helper()
	parent := &chart.Chart{
		Metadata: &chart.Metadata{APIVersion: "v2", Name: "web", Version: "1.0.0", Dependencies: []*chart.Dependency{{Name: "git-sync", Version: ">=0.0.0"}}},
		Templates: []*common.File{{Name: "templates/web.yaml", Data: []byte(`{{- $git := index .Values "git-sync" }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      securityContext: {runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000, seccompProfile: {type: RuntimeDefault}}
      initContainers: {{- include "git-sync.sidecar" $git | nindent 8 }}
      containers:
        - name: web
          image: web
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
          volumeMounts: {{- include "git-sync.mount" $git | nindent 12 }}
      volumes: {{- include "git-sync.volumes" $git | nindent 8 }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: web
spec:
  template:
    spec:
      restartPolicy: Never
      securityContext: {runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000, seccompProfile: {type: RuntimeDefault}}
      initContainers: {{- include "git-sync.init" $git | nindent 8 }}
      containers:
        - name: web
          image: web
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
          volumeMounts: {{- include "git-sync.mount" $git | nindent 12 }}
      volumes: {{- include "git-sync.volumes" $git | nindent 8 }}
`)}},
	}
	parent.AddDependency(loaded(t))
	return parent
}

// TestTheChartPassesHelmsLint also reads Chart.yaml and the values as helm lint does.
func TestTheChartPassesHelmsLint(t *testing.T) {
	t.Parallel()
	given := map[string]any{}
	if err := yaml.Unmarshal([]byte(everything), &given); err != nil {
		t.Fatal(err)
	}
	for _, m := range lint.RunAll(chartDir, given, "sites").Messages {
		if m.Severity > support.InfoSev {
			t.Error(m)
		}
	}
}

// TestTheChartRefuses holds the schema of the values to mistakes that are easily made.
func TestTheChartRefuses(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]string{
		"no repository":            `{}`,
		"an empty repository":      `{options: {repo: ""}}`,
		"a misspelt value":         `{options: {repo: x}, sshSecrets: key}`,
		"a root of one's own":      `{options: {repo: x, root: /y}}`,
		"an option with dashes":    `{options: {repo: x, --ref: y}}`,
		"a password in the values": `{options: {repo: x, password: y}}`,
		"an ingress without host":  `{options: {repo: x}, ingress: {enabled: true}}`,
	} {
		if _, err := render(loaded(t), values); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestTheChartWithoutServer renders nothing but what others include.
func TestTheChartWithoutServer(t *testing.T) {
	t.Parallel()
	deployments := 0
	for _, d := range rendered(t) {
		if object, err := decode(d); err == nil && strings.Contains(d.where, ":included:") {
			if o, ok := object.(*appsv1.Deployment); ok {
				deployments++
				if len(o.Spec.Template.Spec.InitContainers) != 1 {
					t.Errorf("%s: %+v", d.where, o.Spec.Template.Spec.InitContainers)
				}
			}
		}
	}
	if deployments != 1 {
		t.Errorf("%d Deployments, want the including chart's only", deployments)
	}
}
