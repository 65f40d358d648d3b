{{/* NAME: the release's name, with the chart's unless it says that already. */}}
{{- define "gt.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{/* Of (dict "root" $ "component" C): what selects its pods. It never changes: selectors cannot. */}}
{{- define "gt.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "gt.labels" -}}
{{ include "gt.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: {{ .root.Chart.Name }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "gt.image" -}}
{{ .root.Values.image.repository }}/{{ .program }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "gt.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "gt.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Of a duration such as "10s", the value of DRAIN_TIMEOUT: seconds that a pod has to end, 20 more than it drains. */}}
{{- define "gt.gracePeriod" -}}
{{- $text := . | default "10s" | toString -}}
{{- if not (regexMatch "^(0|[0-9]+([.][0-9]+)?(us|ms|s|m|h|d))$" $text) }}{{ fail (printf "DRAIN_TIMEOUT: %q is not a duration such as 10s or 2m" $text) }}{{ end -}}
{{- $seconds := get (dict "" 0 "us" 0.000001 "ms" 0.001 "s" 1 "m" 60 "h" 3600 "d" 86400) (regexFind "[a-z]*$" $text) -}}
{{- addf (mulf (regexFind "^[0-9.]+" $text) $seconds) 20 | ceil | int64 -}}
{{- end }}

{{/* What every pod of ours has in addition to its containers. "drain": the DRAIN_TIMEOUT of its program, if it is set. */}}
{{- define "gt.pod" -}}
serviceAccountName: {{ include "gt.name" .root }}
automountServiceAccountToken: false
# Variables that other services would add could be taken for settings.
enableServiceLinks: false
terminationGracePeriodSeconds: {{ include "gt.gracePeriod" .drain }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:{{ toYaml . | nindent 2 }}
{{- end }}
securityContext:{{ include "gt.podSecurity" . | nindent 2 }}
{{- with .nodeSelector }}
nodeSelector:{{ toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:{{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Of (dict "root" $ "name" VARIABLE "key" KEY): a variable from the Secret; nothing where no key is named. */}}
{{- define "gt.secret" -}}
{{- if .key }}
- name: {{ .name }}
  valueFrom:
    secretKeyRef: {name: {{ required "existingSecret is needed where secretKeys names a key" .root.Values.existingSecret | quote }}, key: {{ .key | quote }}}
{{- end }}
{{- end }}

{{/* A number from a values file is a float64, which would be rendered as 2.68435456e+08. */}}
{{- define "gt.value" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ printf "%.0f" . }}{{ else }}{{ . }}{{ end -}}
{{- end }}

{{- define "gt.env" -}}
{{- range $name, $value := . }}
- {name: {{ $name }}, value: {{ include "gt.value" $value | quote }}}
{{- end }}
{{- end }}

{{/* The log's retention unless mqServer.env sets one: 80 % of the volume, less two segments of the default size, since retention
     deletes whole segments and never the one that is written to. */}}
{{- define "gt.retentionBytes" -}}
{{- $size := .Values.mqServer.persistence.size -}}
{{- $kibibytes := get (dict "Ki" 1 "Mi" 1024 "Gi" 1048576 "Ti" 1073741824) (regexFind "[A-Za-z]+$" $size) -}}
{{- $mebibytes := sub (div (mul (regexFind "^[0-9]+" $size | int64) $kibibytes 8) 10240) 512 -}}
{{- if lt $mebibytes 64 }}{{ fail (printf "mqServer.persistence.size: %s leaves no room for two segments of 256 MiB; set mqServer.env.MQ_RETENTION_BYTES and MQ_SEGMENT_BYTES" $size) }}{{ end -}}
{{- printf "%dMiB" $mebibytes -}}
{{- end }}

{{/* Whether api has an autoscaler. With storage: memory each replica reads the whole log, which is CPU load itself, so there
     it must be asked for. */}}
{{- define "gt.autoscaling" -}}
{{- $enabled := .Values.api.autoscaling.enabled -}}
{{- if kindIs "bool" $enabled }}{{ ternary "true" "" $enabled }}{{ else }}{{ ternary "" "true" (eq .Values.storage "memory") }}{{ end -}}
{{- end }}

{{/* Peers that may read /metrics, as a JSON list: those of the values; with serviceMonitor.enabled, if none is named, the pods
     that Prometheus' and VictoriaMetrics' operators make, in any namespace. */}}
{{- define "gt.metricsFrom" -}}
{{- $named := .Values.networkPolicy.metricsFrom -}}
{{- if and (not $named) .Values.serviceMonitor.enabled -}}
{{- $names := dict "key" "app.kubernetes.io/name" "operator" "In" "values" (list "prometheus" "prometheus-agent" "vmagent") -}}
{{- $named = list (dict "namespaceSelector" dict "podSelector" (dict "matchExpressions" (list $names))) -}}
{{- end -}}
{{- toJson (dict "peers" $named) -}}
{{- end }}

{{- define "gt.queueEnv" -}}
- {name: LOG_LEVEL, value: {{ .Values.logLevel | quote }}}
- {name: MQ_HOST, value: {{ include "gt.name" . }}-mq-server}
- {name: MQ_PORT, value: "9000"}
{{- include "gt.secret" (dict "root" . "name" "MQ_TOKEN" "key" .Values.secretKeys.mqToken) }}
{{- end }}

{{/* STORAGE and the database's address, for those who write to it and those who ask it. */}}
{{- define "gt.storageEnv" -}}
- {name: STORAGE, value: {{ .Values.storage }}}
{{- if eq .Values.storage "influxdb" }}
{{- if .Values.influxdb.enabled }}
- {name: INFLUXDB_URL, value: "http://{{ include "gt.name" . }}-influxdb:8086"}
{{- else }}
- {name: INFLUXDB_URL, value: {{ required "influxdb.url is needed with storage: influxdb, or influxdb.enabled" .Values.influxdb.url | quote }}}
{{- end }}
- {name: INFLUXDB_ORG, value: {{ .Values.influxdb.org | quote }}}
- {name: INFLUXDB_BUCKET, value: {{ .Values.influxdb.bucket | quote }}}
{{- include "gt.secret" (dict "root" . "name" "INFLUXDB_TOKEN" "key" .Values.secretKeys.influxdbToken) }}
{{- else if eq .Values.storage "victoriametrics" }}
- {name: VICTORIAMETRICS_URL, value: {{ required "victoriametrics.url is needed with storage: victoriametrics" .Values.victoriametrics.url | quote }}}
{{- include "gt.secret" (dict "root" . "name" "VICTORIAMETRICS_TOKEN" "key" .Values.secretKeys.victoriametricsToken) }}
{{- end }}
{{- end }}

{{/* Alive: /health. A pod that cannot reach its peers is not ready, but a restart would not fix that. */}}
{{- define "gt.probes" -}}
startupProbe:
  httpGet: {path: /health, port: http}
  periodSeconds: 2
  failureThreshold: {{ .startup }}
livenessProbe:
  httpGet: {path: /health, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: {{ .ready }}, port: http}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}
