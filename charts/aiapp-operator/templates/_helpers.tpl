{{/*
The names are fixed: the definition and the cluster roles are one per cluster, and two operators would fight over
every app. A second release of this chart is refused by Helm because it does not own them.
*/}}
{{- define "aiapp-operator.name" -}}
aiapp-operator
{{- end }}

{{- define "aiapp-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "aiapp-operator.name" . }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "aiapp-operator.labels" -}}
{{ include "aiapp-operator.selectorLabels" . }}
app.kubernetes.io/part-of: aiapp
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/*
An image reference of (dict "root" $ "image" .Values.image "value" "image" "example" "aiapp-operator").
*/}}
{{- define "aiapp-operator.image" -}}
{{- $repository := required (printf "%s.repository is empty: name the image, such as --set %s.repository=contoso.azurecr.io/%s" .value .value .example) .image.repository -}}
{{- if .image.digest -}}
{{ $repository }}@{{ .image.digest }}
{{- else -}}
{{ $repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}
