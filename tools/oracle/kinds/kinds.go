// Package kinds lists what the API server serves of its own, in its external versions.
package kinds

import (
	"sort"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsv1beta1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1beta1 "k8s.io/apimachinery/pkg/apis/meta/v1beta1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	apiregistrationv1beta1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1beta1"
)

// Scheme has every built-in kind, with the kinds of meta.k8s.io that stand in no group of their own.
func Scheme() (*runtime.Scheme, error) {
	all := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		scheme.AddToScheme,
		apiextensionsv1.AddToScheme,
		apiextensionsv1beta1.AddToScheme,
		apiregistrationv1.AddToScheme,
		apiregistrationv1beta1.AddToScheme,
		metav1.AddMetaToScheme,
		metav1beta1.AddMetaToScheme,
	} {
		if err := add(all); err != nil {
			return nil, err
		}
	}
	metav1.AddToGroupVersion(all, schema.GroupVersion{Version: "v1"})
	metav1.AddToGroupVersion(all, metav1.SchemeGroupVersion)
	return all, nil
}

// proto is what the API server's protobuf serializer asks of a type that it reads.
type proto interface {
	Reset()
	Unmarshal([]byte) error
}

// Encodable are the external kinds that have an encoding in protobuf, in a fixed order.
func Encodable(all *runtime.Scheme) ([]schema.GroupVersionKind, error) {
	var found []schema.GroupVersionKind
	for kind := range all.AllKnownTypes() {
		// A watch event has no envelope of its own: it frames objects that have.
		if kind.Version == runtime.APIVersionInternal || kind.Kind == "WatchEvent" {
			continue
		}
		object, err := all.New(kind)
		if err != nil {
			return nil, err
		}
		if _, ok := object.(proto); ok {
			found = append(found, kind)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].String() < found[j].String() })
	return found, nil
}
