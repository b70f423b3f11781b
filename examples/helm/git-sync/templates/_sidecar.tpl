{{/*
Three templates add git-sync to a pod of another chart. That chart lists this one as a dependency, sets server.enabled to
false and the options in its values, and includes, with `$git := index .Values "git-sync"`:

  initContainers: {{- include "git-sync.sidecar" $git | nindent 8 }}
  volumes: {{- include "git-sync.volumes" $git | nindent 8 }}
  volumeMounts: {{- include "git-sync.mount" $git | nindent 12 }}    in each container that reads the tree

"git-sync.init" instead of "git-sync.sidecar" syncs once, before the containers start.
The pod needs an fsGroup (or git-sync's own UID) to read the secrets, as in templates/deployment.yaml.
*/}}

{{/* A native sidecar: the containers start when something is published, and git-sync runs as long as they do. */}}
{{- define "git-sync.sidecar" -}}
- {{ include "git-sync.container" . | nindent 2 | trim }}
  restartPolicy: Always
  ports:
    - name: git-sync
      containerPort: 1234
    {{- if .webhookSecret }}
    - name: receiver
      containerPort: 8081
    {{- end }}
  startupProbe: # the containers start after this
    httpGet:
      path: /readyz
      port: git-sync
    periodSeconds: 1
    failureThreshold: 600
  livenessProbe: # the loop, not the remote
    httpGet:
      path: /livez
      port: git-sync
  args:
    {{- include "git-sync.args" . | nindent 4 }}
    - --http-bind=:1234
    - --http-metrics
    {{- if .webhookSecret }}
    - --receiver-bind=:8081
    - --receiver-secret-file=/etc/git-webhook/secret
    {{- with .peers }}
    - --receiver-peers={{ . }}:8081
    {{- end }}
    {{- end }}
{{- end }}

{{/* An init container: one sync, and the containers start after it. After a minute of failures the kubelet restarts it. */}}
{{- define "git-sync.init" -}}
- {{ include "git-sync.container" . | nindent 2 | trim }}
  args:
    {{- include "git-sync.args" (dict "mountPath" .mountPath "options" (omit .options "max-failures" "period")) | nindent 4 }}
    - --one-time
    - --period=10s
    - --max-failures=6
{{- end }}

{{- define "git-sync.container" -}}
name: git-sync
image: {{ printf "%s:%s" .image.repository .image.tag | quote }}
imagePullPolicy: {{ .image.pullPolicy }}
{{- if or .env .passwordSecret }}
env:
  {{- with .passwordSecret }}
  - name: GITSYNC_USERNAME
    valueFrom:
      secretKeyRef:
        name: {{ . }}
        key: username
  - name: GITSYNC_PASSWORD_FILE
    value: /etc/git-password/password
  {{- end }}
  {{- with .env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
terminationMessagePolicy: FallbackToLogsOnError
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
resources:
  {{- toYaml .resources | nindent 2 }}
volumeMounts:
  - name: git-sync
    mountPath: {{ .mountPath | quote }}
  {{- if .sshSecret }}
  - name: git-sync-ssh
    mountPath: /etc/git-secret
    readOnly: true
  {{- end }}
  {{- if .passwordSecret }}
  - name: git-sync-password
    mountPath: /etc/git-password
    readOnly: true
  {{- end }}
  {{- if .webhookSecret }}
  - name: git-sync-webhook
    mountPath: /etc/git-webhook
    readOnly: true
  {{- end }}
{{- end }}

{{- define "git-sync.args" -}}
- {{ printf "--root=%s" .mountPath | quote }}
{{- range $name, $values := .options }}
{{- range $value := ternary $values (list $values) (kindIs "slice" $values) }}
- {{ printf "--%s=%s" $name (ternary $value ($value | toJson) (kindIs "string" $value)) | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* The volumes of git-sync's container. */}}
{{- define "git-sync.volumes" -}}
- name: git-sync
  emptyDir:
    sizeLimit: {{ .sizeLimit }}
{{- with .sshSecret }}
- name: git-sync-ssh
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- with .passwordSecret }}
- name: git-sync-password
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- with .webhookSecret }}
- name: git-sync-webhook
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end }}

{{/* The mount of a container that reads the tree. */}}
{{- define "git-sync.mount" -}}
- name: git-sync
  mountPath: {{ .mountPath | quote }}
  readOnly: true
{{- end }}
