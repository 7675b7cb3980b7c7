package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/admission"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/audit/policy"
)

// What the API server writes of one request: all of it, and under the policy. One line a stage.
type recorded struct {
	Full    []string `json:"full"`
	Decided []string `json:"decided"`
}

func record(text []byte, asked request) recorded {
	loaded, err := policy.LoadPolicyFromBytes(text)
	must(err)
	decided := policy.NewPolicyRuleEvaluator(loaded).EvaluatePolicyRule(attributesOf(asked))
	everything := audit.RequestAuditConfig{Level: auditinternal.LevelRequestResponse}
	return recorded{Full: serve(asked, everything), Decided: serve(asked, decided)}
}

type lines struct{ written []string }

var (
	encoder = audit.Codecs.LegacyCodec(auditv1.SchemeGroupVersion)
	bodies  = serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	group   = schema.GroupVersion{Group: "", Version: "v1"}
	moment  = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
)

func (sink *lines) ProcessEvents(events ...*auditinternal.Event) bool {
	for _, each := range events {
		event := each.DeepCopy()
		event.StageTimestamp = metav1.NewMicroTime(moment)
		text, err := runtime.Encode(encoder, event)
		must(err)
		sink.written = append(sink.written, strings.TrimSpace(string(text)))
	}
	return true
}

// The steps of the API server's handlers that its audit record comes from, in their order.
func serve(asked request, config audit.RequestAuditConfig) []string {
	ctx := audit.WithAuditContext(context.Background())
	audit.WithAuditID(ctx, "b4c9e6a4-0000-4000-8000-0123456789ab")
	sink := &lines{written: []string{}}
	context := audit.AuditContextFrom(ctx)
	must(context.Init(config, sink))
	if config.Level == auditinternal.LevelNone {
		return sink.written
	}
	http := &http.Request{URL: urlOf(asked), RemoteAddr: "192.0.2.7:1", Header: http.Header{}}
	audit.LogRequestMetadata(ctx, http, moment, attributesOf(asked))
	context.ProcessEventStage(ctx, auditinternal.StageRequestReceived)
	if asked.ResourceRequest {
		exchange(ctx, asked)
	}
	context.SetEventResponseStatusCode(200)
	context.ProcessEventStage(ctx, auditinternal.StageResponseComplete)
	return sink.written
}

func exchange(ctx context.Context, asked request) {
	resource := group.WithResource(asked.Resource)
	switch asked.Verb {
	case "patch":
		audit.LogRequestPatch(ctx, []byte(`{"metadata":{"managedFields":[{"manager":"x"}]},"spec":"}"}`))
	case "create", "update":
		audit.LogRequestObject(ctx, thing("web"), group, resource, asked.Subresource, bodies)
		admit(ctx)
	}
	audit.LogResponseObject(ctx, answerTo(asked), group, bodies)
}

func answerTo(asked request) runtime.Object {
	list := &metav1.PartialObjectMetadataList{Items: []metav1.PartialObjectMetadata{*thing("a"), *thing("b")}}
	switch asked.Verb {
	case "list":
		return list
	case "watch":
		rows := []metav1.TableRow{{Cells: []any{"a"}, Object: runtime.RawExtension{Object: thing("a")}}, {Cells: []any{"b"}}}
		return &metav1.Table{TypeMeta: metav1.TypeMeta{Kind: "Table", APIVersion: "meta.k8s.io/v1"}, Rows: rows}
	case "delete":
		return &metav1.Status{Status: metav1.StatusSuccess, Message: "gone"}
	}
	return thing("web")
}

func thing(name string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		TypeMeta: metav1.TypeMeta{Kind: "Thing", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: "u-1", Annotations: map[string]string{"text": `{"a":"},\"`},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl", Operation: "Apply"}},
		},
	}
}

// A mutating webhook, as the API server has it audited.
type mutation struct{ *admission.Handler }

func (mutation) Admit(_ context.Context, about admission.Attributes, _ admission.ObjectInterfaces) error {
	must(about.AddAnnotation("mutation.webhook.admission.k8s.io/round_0_index_0", `{"mutated":true}`))
	patch := `{"patch":[{"op":"add"}]}`
	return about.AddAnnotationWithLevel("patch.webhook.admission.k8s.io/round_0_index_0", patch, auditinternal.LevelRequest)
}

func admit(ctx context.Context) {
	about := admission.NewAttributesRecord(nil, nil, group.WithKind("Thing"), "", "web", group.WithResource("things"), "",
		admission.Create, nil, false, nil)
	audited := admission.WithAudit(mutation{admission.NewHandler(admission.Create)})
	must(audited.(admission.MutationInterface).Admit(ctx, about, nil))
}

func urlOf(asked request) *url.URL {
	if !asked.ResourceRequest {
		return &url.URL{Path: asked.Path}
	}
	path := "/api/v1"
	if asked.Group != "" {
		path = "/apis/" + asked.Group + "/v1"
	}
	if asked.Namespace != "" {
		path += "/namespaces/" + asked.Namespace
	}
	for _, part := range []string{asked.Resource, asked.Name, asked.Subresource} {
		if part != "" {
			path += "/" + part
		}
	}
	return &url.URL{Path: path}
}
