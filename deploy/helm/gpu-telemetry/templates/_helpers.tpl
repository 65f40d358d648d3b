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

{{/* What every pod of ours has beside its containers. */}}
{{- define "gt.pod" -}}
serviceAccountName: {{ include "gt.name" .root }}
automountServiceAccountToken: false
# Variables that other services would add could be taken for settings.
enableServiceLinks: false
terminationGracePeriodSeconds: 30
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

{{- define "gt.env" -}}
{{- range $name, $value := . }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
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

{{/* Alive: /health. A pod that cannot reach its peers is not ready, but a restart would not mend that. */}}
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
