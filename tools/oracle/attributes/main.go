// Says what the API server's own code makes of a request: reads lines of JSON
// {"head": base64 of a raw HTTP/1.1 request head} and prints a line for each.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	internalscheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/endpoints/handlers/negotiation"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/klog/v2"
)

type question struct {
	Head []byte `json:"head"`
}

type exec struct {
	Command   []string `json:"command"`
	Container string   `json:"container"`
	Stdin     bool     `json:"stdin"`
	TTY       bool     `json:"tty"`
}

type accepted struct {
	MediaType string `json:"mediaType"`
	As        string `json:"as"`
}

type answer struct {
	// Unread: net/http could not read the request, and answers 400 itself.
	Unread string `json:"unread,omitempty"`
	// Error: RequestInfoFactory could not, and the server answers 400.
	Error         string              `json:"error,omitempty"`
	Method        string              `json:"method"`
	Path          string              `json:"path"`
	Query         map[string][]string `json:"query"`
	QueryError    string              `json:"queryError,omitempty"`
	NonResource   bool                `json:"nonResource"`
	Verb          string              `json:"verb"`
	APIPrefix     string              `json:"apiPrefix"`
	Group         string              `json:"group"`
	Version       string              `json:"version"`
	Resource      string              `json:"resource"`
	SubResource   string              `json:"subResource"`
	Namespace     string              `json:"namespace"`
	Name          string              `json:"name"`
	FieldSelector string              `json:"fieldSelector"`
	LabelSelector string              `json:"labelSelector"`
	// Options: what the handler of the verb decodes from the query, where that succeeds.
	Options      json.RawMessage `json:"options,omitempty"`
	OptionsError string          `json:"optionsError,omitempty"`
	DryRun       []string        `json:"dryRun"`
	DryRunValid  bool            `json:"dryRunValid"`
	Exec         exec            `json:"exec"`
	PatchType    string          `json:"patchType"`
	// Accepted: null where the server answers 406. For a kind of its own, and for a watch of one.
	Accepted       *accepted `json:"accepted"`
	AcceptedStream *accepted `json:"acceptedStream"`
}

var factory = request.RequestInfoFactory{
	APIPrefixes:          sets.NewString("api", "apis"),
	GrouplessAPIPrefixes: sets.NewString("api"),
}

// resource allows what handlers.RequestScope allows for a built-in resource.
type resource struct{}

func (resource) AllowsServerVersion(string) bool  { return false }
func (resource) AllowsStreamSchema(s string) bool { return s == "watch" }
func (resource) AllowsMediaTypeTransform(mime, sub string, gvk *schema.GroupVersionKind) bool {
	switch {
	case gvk == nil:
		return true
	case gvk.Group != "meta.k8s.io" || (gvk.Version != "v1" && gvk.Version != "v1beta1"):
		return false
	case gvk.Kind == "Table":
		return mime == "application" && (sub == "json" || sub == "yaml")
	default:
		return gvk.Kind == "PartialObjectMetadata" || gvk.Kind == "PartialObjectMetadataList"
	}
}

var codecs = serializer.NewCodecFactory(scheme.Scheme, serializer.WithSerializer(cbor.NewSerializerInfo))

func kindOf(gvk *schema.GroupVersionKind) string {
	if gvk == nil {
		return ""
	}
	return gvk.Kind + "." + gvk.Version
}

// options decodes what the verb's handler does (create.go, update.go, patch.go, delete.go).
func options(verb string, query url.Values) (runtime.Object, []string, field.ErrorList, error) {
	decode := func(into runtime.Object) error {
		return internalscheme.ParameterCodec.DecodeParameters(query, metav1.SchemeGroupVersion, into)
	}
	switch verb {
	case "create":
		o := &metav1.CreateOptions{}
		err := decode(o)
		return o, o.DryRun, validation.ValidateCreateOptions(o), err
	case "update":
		o := &metav1.UpdateOptions{}
		err := decode(o)
		return o, o.DryRun, validation.ValidateUpdateOptions(o), err
	case "patch":
		o := &metav1.PatchOptions{}
		err := decode(o)
		return o, o.DryRun, validation.ValidatePatchOptions(o, types.MergePatchType), err
	case "delete", "deletecollection":
		o := &metav1.DeleteOptions{}
		err := decode(o)
		return o, o.DryRun, validation.ValidateDeleteOptions(o), err
	case "list", "watch":
		o := &internalversion.ListOptions{}
		err := decode(o)
		return nil, nil, nil, err
	}
	return nil, nil, nil, nil
}

// execOptions is what Convert_url_Values_To_v1_PodExecOptions does, by its own functions.
func execOptions(query url.Values) (found exec, err error) {
	for key, into := range map[string]*bool{"stdin": &found.Stdin, "tty": &found.TTY} {
		if values := query[key]; len(values) > 0 {
			if err := runtime.Convert_Slice_string_To_bool(&values, into, nil); err != nil {
				return found, err
			}
		}
	}
	if values := query["container"]; len(values) > 0 {
		err = runtime.Convert_Slice_string_To_string(&values, &found.Container, nil)
	}
	found.Command = query["command"]
	return found, err
}

// patchType is what PatchResource makes of the header.
func patchType(header http.Header) string {
	contentType := header.Get("Content-Type")
	if idx := strings.Index(contentType, ";"); idx > 0 {
		contentType = contentType[:idx]
	}
	switch types.PatchType(contentType) {
	case types.JSONPatchType:
		return "json"
	case types.MergePatchType:
		return "merge"
	case types.StrategicMergePatchType:
		return "strategic"
	case types.ApplyYAMLPatchType:
		return "apply"
	case types.ApplyCBORPatchType:
		return "apply-cbor"
	}
	return ""
}

func read(head []byte) (found answer) {
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(string(head))))
	if err != nil {
		return answer{Unread: err.Error()}
	}
	found.Method = req.Method
	query, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		found.QueryError = err.Error()
	}
	found.Query = query
	info, err := factory.NewRequestInfo(req)
	if err != nil {
		found.Error = err.Error()
		return found
	}
	found.Path = info.Path
	found.NonResource = !info.IsResourceRequest
	found.Verb = info.Verb
	found.APIPrefix, found.Group, found.Version = info.APIPrefix, info.APIGroup, info.APIVersion
	found.Resource, found.SubResource = info.Resource, info.Subresource
	found.Namespace, found.Name = info.Namespace, info.Name
	found.FieldSelector, found.LabelSelector = info.FieldSelector, info.LabelSelector
	if info.IsResourceRequest {
		object, dryRun, invalid, err := options(info.Verb, req.URL.Query())
		if err != nil {
			found.OptionsError = err.Error()
		} else if object != nil {
			found.Options, _ = json.Marshal(object)
			found.DryRun = dryRun
			found.DryRunValid = true
			for _, mistake := range invalid {
				if strings.HasPrefix(mistake.Field, "dryRun") {
					found.DryRunValid = false
				}
			}
		}
	}
	if found.Exec, err = execOptions(query); err != nil {
		found.OptionsError = err.Error()
	}
	found.PatchType = patchType(req.Header)
	if options, _, err := negotiation.NegotiateOutputMediaType(req, codecs, resource{}); err == nil {
		found.Accepted = &accepted{options.Accepted.MediaType, kindOf(options.Convert)}
	}
	if options, _, err := negotiation.NegotiateOutputMediaType(req, codecs, resource{}); err == nil && options.Accepted.StreamSerializer != nil {
		found.AcceptedStream = &accepted{options.Accepted.MediaType, kindOf(options.Convert)}
	}
	return found
}

func main() {
	klog.SetLogger(klog.Logger{})
	// Short-lived garbage: one collection in many batches costs less than many.
	debug.SetGCPercent(400)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			var asked question
			if err := json.Unmarshal(line, &asked); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			if err := encoder.Encode(read(asked.Head)); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		if in.Buffered() == 0 {
			out.Flush()
		}
		if err != nil {
			return
		}
	}
}
