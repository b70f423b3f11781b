package manifests

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"git-sync/test/harness"
)

const top = "../.."

// document is one YAML document of a file, or of a fenced block within Markdown.
type document struct {
	where string // file:number
	text  []byte
}

// typeMeta is what every object of Kubernetes begins with.
type typeMeta struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

// decode decodes a document strictly: an unknown or doubled field is an error.
func decode(d document) (any, error) {
	asJSON, err := yaml.YAMLToJSONStrict(d.text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.where, err)
	}
	var meta typeMeta
	if asJSON[0] == '{' {
		if err := kjson.UnmarshalCaseSensitivePreserveInts(asJSON, &meta); err != nil {
			return nil, fmt.Errorf("%s: %w", d.where, err)
		}
	}
	objects := map[typeMeta]any{
		{"v1", "Pod"}:                        &corev1.Pod{},
		{"v1", "Secret"}:                     &corev1.Secret{},
		{"v1", "ConfigMap"}:                  &corev1.ConfigMap{},
		{"v1", "Service"}:                    &corev1.Service{},
		{"v1", "Namespace"}:                  &corev1.Namespace{},
		{"v1", "PersistentVolumeClaim"}:      &corev1.PersistentVolumeClaim{},
		{"policy/v1", "PodDisruptionBudget"}: &policyv1.PodDisruptionBudget{},
		{"apps/v1", "Deployment"}:            &appsv1.Deployment{},
		{"apps/v1", "StatefulSet"}:           &appsv1.StatefulSet{},
		{"batch/v1", "Job"}:                  &batchv1.Job{},
		{"batch/v1", "CronJob"}:              &batchv1.CronJob{},

		{"monitoring.coreos.com/v1", "PodMonitor"}: &podMonitor{},

		{"networking.k8s.io/v1", "Ingress"}:       &networkingv1.Ingress{},
		{"networking.k8s.io/v1", "NetworkPolicy"}: &networkingv1.NetworkPolicy{},

		{"kustomize.config.k8s.io/v1beta1", "Kustomization"}: &kustomization{},
		{"kustomize.config.k8s.io/v1alpha1", "Component"}:    &kustomization{},
	}
	into, ok := objects[meta]
	switch {
	case ok:
	case meta == (typeMeta{}) && strings.Contains(d.where, "compose"):
		into = &compose{}
	case meta == (typeMeta{}) && strings.Contains(d.where, "alerts"):
		into = &alerts{}
	case meta == (typeMeta{}) && bytes.Contains(d.text, []byte("\nsyncs:")):
		into = &configFile{}
	case meta == (typeMeta{}) && strings.HasSuffix(strings.SplitN(d.where, ":", 2)[0], ".md"):
		into = &podPart{}
	default:
		return nil, fmt.Errorf("%s: of unknown kind %+v", d.where, meta)
	}
	problems, err := kjson.UnmarshalStrict(asJSON, into)
	if err := errors.Join(append(problems, err)...); err != nil {
		return nil, fmt.Errorf("%s: %w", d.where, err)
	}
	return into, nil
}

// configFile is git-sync's own, which git-sync checks.
type configFile struct {
	Defaults map[string]any   `json:"defaults"`
	Syncs    []map[string]any `json:"syncs"`
}

// podPart is what a document shows when it shows only a part: some fields of a pod.
type podPart struct {
	Spec           *corev1.PodSpec    `json:"spec"`
	InitContainers []corev1.Container `json:"initContainers"`
	Containers     []corev1.Container `json:"containers"`
	Volumes        []corev1.Volume    `json:"volumes"`

	SecurityContext *corev1.PodSecurityContext `json:"securityContext"`
	// Fields of a container.
	Name           string                       `json:"name"`
	Image          string                       `json:"image"`
	Args           []string                     `json:"args"`
	Env            []corev1.EnvVar              `json:"env"`
	VolumeMounts   []corev1.VolumeMount         `json:"volumeMounts"`
	StartupProbe   *corev1.Probe                `json:"startupProbe"`
	LivenessProbe  *corev1.Probe                `json:"livenessProbe"`
	ReadinessProbe *corev1.Probe                `json:"readinessProbe"`
	Resources      *corev1.ResourceRequirements `json:"resources"`
}

// The parts of Prometheus', kustomize's and compose's formats that are used.
type (
	alerts struct {
		Groups []struct {
			Name  string `json:"name"`
			Rules []struct {
				Alert       string            `json:"alert"`
				Expr        string            `json:"expr"`
				For         string            `json:"for"`
				Labels      map[string]string `json:"labels"`
				Annotations map[string]string `json:"annotations"`
			} `json:"rules"`
		} `json:"groups"`
	}
	podMonitor struct {
		typeMeta
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
		Spec struct {
			Selector struct {
				MatchLabels map[string]string `json:"matchLabels"`
			} `json:"selector"`
			PodMetricsEndpoints []struct {
				Port     string `json:"port"`
				Path     string `json:"path"`
				Interval string `json:"interval"`
			} `json:"podMetricsEndpoints"`
		} `json:"spec"`
	}
	kustomization struct {
		typeMeta
		Namespace          string   `json:"namespace"`
		Resources          []string `json:"resources"`
		Components         []string `json:"components"`
		ConfigMapGenerator []struct {
			Name     string   `json:"name"`
			Literals []string `json:"literals"`
		} `json:"configMapGenerator"`
		Patches []struct {
			Path   string `json:"path"`
			Target struct {
				Kind          string `json:"kind"`
				LabelSelector string `json:"labelSelector"`
			} `json:"target"`
		} `json:"patches"`
	}
	compose struct {
		Services map[string]struct {
			Image       string   `json:"image"`
			User        string   `json:"user"`
			Command     []string `json:"command"`
			Environment []string `json:"environment"`
			ReadOnly    bool     `json:"read_only"`
			CapDrop     []string `json:"cap_drop"`
			SecurityOpt []string `json:"security_opt"`
			Restart     string   `json:"restart"`
			Ports       []string `json:"ports"`
			Volumes     []string `json:"volumes"`
			DependsOn   map[string]struct {
				Condition string `json:"condition"`
			} `json:"depends_on"`
			Healthcheck struct {
				Test          []string `json:"test"`
				Interval      string   `json:"interval"`
				StartPeriod   string   `json:"start_period"`
				StartInterval string   `json:"start_interval"`
			} `json:"healthcheck"`
		} `json:"services"`
		Volumes map[string]struct{} `json:"volumes"`
	}
)

var fence = regexp.MustCompile("(?ms)^```ya?ml\n(.*?)^```")

// documents finds all YAML in examples, docs, the README and the e2e scenarios.
func documents(t *testing.T) []document {
	t.Helper()
	var all []document
	split := func(name string, text []byte) {
		for i, part := range regexp.MustCompile(`(?m)^---\n`).Split(string(text), -1) {
			if len(bytes.TrimSpace(stripComments([]byte(part)))) > 0 {
				all = append(all, document{fmt.Sprintf("%s:%d", name, i+1), []byte(part)})
			}
		}
	}
	visit := func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "helm" {
			return filepath.SkipDir // templates: see rendered
		}
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(top, path)
		switch filepath.Ext(path) {
		case ".yaml", ".yml":
			split(name, text)
		case ".md":
			for i, block := range fence.FindAllSubmatch(text, -1) {
				split(fmt.Sprintf("%s:%d", name, i+1), block[1])
			}
		}
		return nil
	}
	for _, root := range []string{"examples", "docs", "README.md", "test/e2e/manifests"} {
		if err := filepath.WalkDir(filepath.Join(top, root), visit); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// built gives what kustomize makes of a directory below examples.
func built(t *testing.T, name string) []document {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join(top, "examples", name))
	if err != nil {
		t.Fatal(err)
	}
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := resources.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	var all []document
	for i, part := range strings.Split(string(text), "\n---\n") {
		all = append(all, document{fmt.Sprintf("examples/%s:built:%d", name, i+1), []byte(part)})
	}
	return all
}

// generated gives what kustomize and Helm make.
func generated(t *testing.T) []document {
	t.Helper()
	return slices.Concat(built(t, "."), built(t, "kustomize/site"), rendered(t))
}

// TestTheComponent adds git-sync to a Deployment and leaves the user's security settings as they are.
func TestTheComponent(t *testing.T) {
	t.Parallel()
	for _, fsGroup := range []*int64{nil, new(int64(2000))} {
		fsys := filesys.MakeFsInMemory()
		for _, name := range []string{"component/kustomization.yaml", "component/sidecar.yaml"} {
			text, err := os.ReadFile(filepath.Join(top, "examples/kustomize", name))
			if err != nil {
				t.Fatal(err)
			}
			if err := fsys.WriteFile(name, text); err != nil {
				t.Fatal(err)
			}
		}
		security := ""
		if fsGroup != nil {
			security = "      securityContext: {fsGroup: 2000}\n"
		}
		for name, text := range map[string]string{
			"site/kustomization.yaml": "resources: [web.yaml]\ncomponents: [../component]\n" +
				"configMapGenerator: [{name: git-sync, literals: [repo=https://example.com/x.git]}]\nsecretGenerator: [{name: git-sync, literals: [ssh=key]}]\n",
			"site/web.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {git-sync: \"true\"}}\nspec:\n  template:\n    spec:\n" + security +
				"      containers: [{name: web, image: web}]\n",
		} {
			if err := fsys.WriteFile(name, []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fsys, "site")
		if err != nil {
			t.Fatal(err)
		}
		var pod *corev1.PodSpec
		var secret string
		for _, r := range resources.Resources() {
			object, err := decode(document{"built", []byte(r.MustYaml())})
			if err != nil {
				t.Fatal(err)
			}
			if d, ok := object.(*appsv1.Deployment); ok {
				pod = &d.Spec.Template.Spec
			}
			if s, ok := object.(*corev1.Secret); ok {
				secret = s.Name
			}
		}
		if pod == nil || len(pod.InitContainers) != 1 || *pod.InitContainers[0].RestartPolicy != corev1.ContainerRestartPolicyAlways {
			t.Fatalf("no native sidecar: %+v", pod)
		}
		if s := pod.SecurityContext; (s == nil) != (fsGroup == nil) || s != nil && *s.FSGroup != *fsGroup {
			t.Errorf("the pod's security is %+v", s)
		}
		if got := pod.Volumes[1].Secret.SecretName; got != secret {
			t.Errorf("the Secret %q is mounted, should be %q", got, secret)
		}
	}
}

func stripComments(text []byte) []byte {
	return regexp.MustCompile(`(?m)^#.*\n`).ReplaceAll(text, nil)
}

// podOf gives an object's pod, if it has one.
func podOf(object any) *corev1.PodSpec {
	switch o := object.(type) {
	case *corev1.Pod:
		return &o.Spec
	case *appsv1.Deployment:
		return &o.Spec.Template.Spec
	case *appsv1.StatefulSet:
		return &o.Spec.Template.Spec
	case *batchv1.Job:
		return &o.Spec.Template.Spec
	case *batchv1.CronJob:
		return &o.Spec.JobTemplate.Spec.Template.Spec
	case *podPart:
		pod := &corev1.PodSpec{InitContainers: o.InitContainers, Containers: o.Containers}
		if o.Spec != nil {
			pod = o.Spec
		}
		if len(o.Args) > 0 {
			pod.Containers = append(pod.Containers, corev1.Container{Name: o.Name, Image: o.Image, Args: o.Args, Env: o.Env})
		}
		return pod
	default:
		return nil
	}
}

func TestEveryDocumentIsOfTheAPI(t *testing.T) {
	t.Parallel()
	all := append(documents(t), generated(t)...)
	if len(all) < 15 {
		t.Errorf("only %d documents found: is %s the top of the repository?", len(all), top)
	}
	for _, d := range all {
		if _, err := decode(d); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d documents", len(all))
}

func TestStrict(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"apiVersion: v1\nkind: Pod\nspec:\n  container: []\n",
		"apiVersion: v1\nkind: Pod\nspec:\n  initContainers:\n  - restartpolicy: Always\n",
		"apiVersion: v1\nkind: Pod\nkind: Pod\n",
		"apiVersion: v1\nkind: Poodle\n",
	} {
		if _, err := decode(document{"test:1", []byte(text)}); err == nil {
			t.Errorf("accepted:\n%s", text)
		}
	}
}

func TestExamplesAreRestricted(t *testing.T) {
	t.Parallel()
	pods := 0
	for _, d := range append(documents(t), generated(t)...) {
		if !strings.HasPrefix(d.where, "examples/") || strings.HasPrefix(d.where, "examples/kustomize/component/") {
			continue // a patch is not yet a pod
		}
		object, err := decode(d)
		if err != nil {
			continue // another test's business
		}
		if pod := podOf(object); pod != nil {
			pods++
			for _, problem := range restricted(pod) {
				t.Errorf("%s: %s", d.where, problem)
			}
		}
	}
	if pods < 5 {
		t.Errorf("only %d pods found in the examples", pods)
	}
}

// restricted lists what pod security "restricted" has against a pod
// (https://kubernetes.io/docs/concepts/security/pod-security-standards/).
func restricted(pod *corev1.PodSpec) []string {
	var problems []string
	add := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	add(pod.HostNetwork || pod.HostPID || pod.HostIPC, "uses a namespace of the host's")
	for _, v := range pod.Volumes {
		s := v.VolumeSource
		add(s.ConfigMap == nil && s.Secret == nil && s.EmptyDir == nil && s.PersistentVolumeClaim == nil && s.Projected == nil && s.DownwardAPI == nil && s.CSI == nil && s.Ephemeral == nil,
			"volume %s is of a kind that is not allowed", v.Name)
	}
	podContext := pod.SecurityContext
	if podContext == nil {
		podContext = &corev1.PodSecurityContext{}
	}
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		s := c.SecurityContext
		if s == nil {
			s = &corev1.SecurityContext{}
		}
		user, nonRoot, profile := s.RunAsUser, s.RunAsNonRoot, s.SeccompProfile
		if user == nil {
			user = podContext.RunAsUser
		}
		if nonRoot == nil {
			nonRoot = podContext.RunAsNonRoot
		}
		if profile == nil {
			profile = podContext.SeccompProfile
		}
		add(nonRoot == nil || !*nonRoot, "%s: runAsNonRoot is not true", c.Name)
		add(user != nil && *user == 0, "%s: runs as root", c.Name)
		add(s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation, "%s: allowPrivilegeEscalation is not false", c.Name)
		add(s.Privileged != nil && *s.Privileged, "%s: privileged", c.Name)
		add(s.Capabilities == nil || !slices.Contains(s.Capabilities.Drop, "ALL"), "%s: does not drop ALL capabilities", c.Name)
		add(profile == nil || profile.Type == corev1.SeccompProfileTypeUnconfined, "%s: has no seccomp profile", c.Name)
	}
	return problems
}

func TestVolumesAndPortsAreThere(t *testing.T) {
	t.Parallel()
	for _, d := range append(documents(t), generated(t)...) {
		object, err := decode(d)
		if err != nil {
			continue
		}
		_, partial := object.(*podPart)
		pod := podOf(object)
		if pod == nil || partial || strings.HasPrefix(d.where, "examples/kustomize/") && !strings.Contains(d.where, ":built:") {
			continue
		}
		for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
			for _, m := range c.VolumeMounts {
				if !slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name }) {
					t.Errorf("%s: %s mounts the volume %q, which is not there", d.where, c.Name, m.Name)
				}
			}
			for _, p := range []*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
				if p == nil || p.HTTPGet == nil || p.HTTPGet.Port.StrVal == "" {
					continue
				}
				if !slices.ContainsFunc(c.Ports, func(port corev1.ContainerPort) bool { return port.Name == p.HTTPGet.Port.StrVal }) {
					t.Errorf("%s: %s is probed at the port %q, which is not there", d.where, c.Name, p.HTTPGet.Port.StrVal)
				}
			}
		}
	}
}

// TestArgumentsAreUnderstood gives each git-sync container's arguments and variables to git-sync itself, with one option more
// that does not exist: it lists all problems at once, so that must be the only one.
func TestArgumentsAreUnderstood(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, d := range append(documents(t), generated(t)...) {
		object, err := decode(d)
		if err != nil {
			continue
		}
		if c, ok := object.(*compose); ok {
			seen++
			understood(t, d.where, c.Services["git-sync"].Command, nil)
			continue
		}
		if _, ok := object.(*configFile); ok {
			file := filepath.Join(t.TempDir(), "sync.yaml")
			if err := os.WriteFile(file, d.text, 0o644); err != nil {
				t.Fatal(err)
			}
			if said, code := harness.Run(t, harness.Command{Args: []string{"--config=" + file, "--check", "--root=/git", "--link=current"}}); code != 0 {
				t.Errorf("%s: exit code %d\n%s", d.where, code, said)
			}
			continue
		}
		pod := podOf(object)
		if pod == nil {
			continue
		}
		for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
			if !strings.Contains(c.Image, "git-sync") {
				continue
			}
			seen++
			var env []string
			for _, v := range c.Env {
				value := v.Value
				if v.ValueFrom != nil && strings.HasSuffix(v.Name, "_REPO") {
					value = "https://example.com/x.git"
				}
				env = append(env, v.Name+"="+value)
			}
			understood(t, d.where, c.Args, env)
		}
	}
	if seen < 10 {
		t.Errorf("only %d git-sync containers found", seen)
	}
}

func understood(t *testing.T, where string, args, env []string) {
	t.Helper()
	args = slices.Clone(args)
	for i, a := range args {
		switch {
		case strings.HasPrefix(a, "--repo=${"):
			args[i] = "--repo=https://example.com/x.git"
		case strings.HasPrefix(a, "--config="): // TestArgumentsAreUnderstood checks those that there are
			args[i] = "--config=" + filepath.Join(t.TempDir(), "sync.yaml")
			if err := os.WriteFile(strings.TrimPrefix(args[i], "--config="), []byte("syncs: [{name: x, repo: https://example.com/x.git}]\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	said, code := harness.Run(t, harness.Command{Args: append([]string{"--not-an-option"}, args...), Env: env})
	if code != 2 {
		t.Errorf("%s: exit code %d, not 2\n%s", where, code, said)
	}
	if !strings.HasPrefix(said, "error: --not-an-option: unknown flag\n") {
		t.Errorf("%s: more is wrong with %q than the one option too many:\n%s", where, args, said)
	}
}

// TestMigratingNamesEveryOption holds docs/migrating.md to the generated list of options; `--webhook-*` names a family.
func TestMigratingNamesEveryOption(t *testing.T) {
	t.Parallel()
	options, err := os.ReadFile(filepath.Join(top, "docs/options.md"))
	if err != nil {
		t.Fatal(err)
	}
	migrating, err := os.ReadFile(filepath.Join(top, "docs/migrating.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	var families []string
	for _, m := range regexp.MustCompile("`-{1,2}([a-z0-9-]+)(\\*?)").FindAllStringSubmatch(string(migrating), -1) {
		named[m[1]] = true
		if m[2] != "" {
			families = append(families, m[1])
		}
	}
	rows := regexp.MustCompile("(?m)^\\| `-[^|]*").FindAllString(string(options), -1)
	flags := regexp.MustCompile("`--([a-z0-9-]+)").FindAllStringSubmatch(strings.Join(rows, "\n"), -1)
	if len(flags) < 70 {
		t.Fatalf("only %d flags found in docs/options.md", len(flags))
	}
	for _, f := range flags {
		if !named[f[1]] && !slices.ContainsFunc(families, func(p string) bool { return strings.HasPrefix(f[1], p) }) {
			t.Errorf("--%s is not mentioned", f[1])
		}
	}
}
