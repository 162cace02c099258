{{/* Names are the release's, cut to what a label may hold with the longest suffix. */}}
{{- define "bridge.name" -}}
{{- .Release.Name | trunc 36 | trimSuffix "-" -}}
{{- end -}}

{{/* Labels by which pods are selected: they can never change. Called with (dict "root" $ "service" "ingestor"). */}}
{{- define "bridge.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .service }}
{{- end -}}

{{- define "bridge.labels" -}}
{{ include "bridge.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end -}}

{{/* What both pods have. Called with (dict "root" $ "service" "ingestor" "values" .Values.ingestor). */}}
{{- define "bridge.pod" -}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.serviceAccount.name }}
serviceAccountName: {{ . }}
{{- end }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .root.Values.terminationGracePeriodSeconds }}
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "bridge.selector" . | nindent 8 }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What both containers have. */}}
{{- define "bridge.container" -}}
image: "{{ .root.Values.image.repository }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}"
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
resources:
  {{- toYaml .values.resources | nindent 2 }}
# Kafka may be away for long: that is no reason to restart. A process that does not answer is.
livenessProbe:
  httpGet: { path: /healthz, port: admin }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: admin }
  periodSeconds: 5
  timeoutSeconds: 5
# It answers at once, also while a large spool is checked.
startupProbe:
  httpGet: { path: /healthz, port: admin }
  periodSeconds: 2
  failureThreshold: 30
{{- end -}}

{{/* Variables that are refused under `env`. */}}
{{- define "bridge.checkEnv" -}}
{{- range $name := list "KAFKA_SASL_PASSWORD" "PARTOO_API_KEY" "SCHEMA_REGISTRY_PASSWORD" "WEBHOOK_SECRET" -}}
{{- if hasKey $ $name -}}
{{- fail (printf "env.%s: a secret is no value of this chart. Put it into a Secret, and name that: files.%s_FILE: { secret: <name>, key: <key> }" $name $name) -}}
{{- end -}}
{{- end -}}
{{- range $name := list "ADMIN_HOST" "ADMIN_PORT" "WEBHOOK_HOST" "WEBHOOK_PORT" "WEBHOOK_SPOOL_DIR" "WEBHOOK_SPOOL_MAX_BYTES" -}}
{{- if hasKey $ $name -}}
{{- fail (printf "env.%s is set by the chart itself: leave it out (ports are fixed, the spool has gateway.spool)" $name) -}}
{{- end -}}
{{- end -}}
{{- range $name := list "HTTPS_PROXY" "HTTP_PROXY" -}}
{{- if contains "@" (get $ $name | toString) -}}
{{- fail (printf "env.%s holds a login, which is a secret. Put the whole URL into a Secret, and name that: files.%s_FILE: { secret: <name>, key: <key> }" $name $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A value as it is written: YAML's numbers come as floats, which are printed as 1.234567e+06 from a million. Called with (list name value). */}}
{{- define "bridge.value" -}}
{{- $name := first . -}}
{{- $value := last . -}}
{{- if not (kindIs "float64" $value) -}}
{{- $value -}}
{{- else if ne $value (floor $value) -}}
{{- $value -}}
{{- else if gt $value 9007199254740991.0 -}}
{{- fail (printf "env.%s is a number too large to be exact in YAML: put it into quotes" $name) -}}
{{- else -}}
{{- int64 $value -}}
{{- end -}}
{{- end -}}

{{/* Variables: the service's own go before the common ones, `files` before `env`. */}}
{{- define "bridge.env" -}}
{{- $files := merge (dict) .values.files .root.Values.common.files -}}
{{- $env := merge (dict) .values.env .root.Values.common.env -}}
{{- include "bridge.checkEnv" $env -}}
{{- range $name, $file := $files }}
- name: {{ $name }}
  value: /etc/partoo/{{ $file.secret | default $file.configMap }}/{{ $file.key }}
{{- end }}
{{- range $name, $value := $env }}
{{- if not (hasKey $files $name) }}
- name: {{ $name }}
  value: {{ include "bridge.value" (list $name $value) | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
What has to be mounted, as YAML: of each Secret and ConfigMap its kind, its name and the keys that are named; all of them where `mounts`
names it. No other key of it is in the pod.
*/}}
{{- define "bridge.sources" -}}
{{- $sources := dict -}}
{{- $kinds := dict -}}
{{- range concat (values (merge (dict) .values.files .root.Values.common.files)) .values.mounts .root.Values.common.mounts }}
{{- $kind := ternary "secret" "configMap" (hasKey . "secret") -}}
{{- $name := get . $kind -}}
{{- if ne (get $kinds $name | default $kind) $kind -}}
{{- fail (printf "%s is named both as a Secret and as a ConfigMap: both would be mounted at /etc/partoo/%s. Give one of them another name" $name $name) -}}
{{- end -}}
{{- $_ := set $kinds $name $kind -}}
{{- $id := printf "%s %s" $kind $name -}}
{{- $source := get $sources $id | default (dict "kind" $kind "name" $name "keys" (dict) "all" false) -}}
{{- if hasKey . "key" }}
{{- $_ := set $source.keys .key true -}}
{{- else }}
{{- $_ := set $source "all" true -}}
{{- end }}
{{- $_ := set $sources $id $source -}}
{{- end }}
{{- toYaml $sources -}}
{{- end -}}

{{- define "bridge.volumeMounts" -}}
- { name: tmp, mountPath: /tmp }
{{- $sources := include "bridge.sources" . | fromYaml }}
{{- range $i, $id := keys $sources | sortAlpha }}
- { name: files-{{ $i }}, mountPath: /etc/partoo/{{ (get $sources $id).name }}, readOnly: true }
{{- end }}
{{- end -}}

{{- define "bridge.volumes" -}}
- name: tmp
  emptyDir: { sizeLimit: 64Mi }
{{- $sources := include "bridge.sources" . | fromYaml }}
{{- range $i, $id := keys $sources | sortAlpha }}
{{- $source := get $sources $id }}
- name: files-{{ $i }}
  {{ $source.kind }}:
    {{ ternary "secretName" "name" (eq $source.kind "secret") }}: {{ $source.name }}
    defaultMode: 0440
    {{- if not $source.all }}
    items:
      {{- range $key, $_ := $source.keys }}
      - { key: {{ $key }}, path: {{ $key }} }
      {{- end }}
    {{- end }}
{{- end }}
{{- end -}}
