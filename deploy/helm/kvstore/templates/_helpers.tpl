{{/* The release's name, with the chart's where it does not say it. Pods are called after it: 40 letters leave room. */}}
{{- define "kvstore.name" -}}
{{- $name := .Release.Name -}}
{{- if not (contains .Chart.Name $name) -}}
{{- $name = printf "%s-%s" $name .Chart.Name -}}
{{- end -}}
{{- $name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "kvstore.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "kvstore.allLabels" -}}
{{ include "kvstore.labels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* The URLs of all nodes, as each of them and the balancer are told. */}}
{{- define "kvstore.urls" -}}
{{- $name := include "kvstore.name" . -}}
{{- range $i := until (int .Values.nodes.count) }}{{ if $i }},{{ end }}http://{{ $name }}-{{ $i }}.{{ $name }}-nodes:8080{{ end }}
{{- end }}

{{- define "kvstore.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1654
runAsGroup: 1654
fsGroup: 1654
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "kvstore.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
