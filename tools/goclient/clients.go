package main

import (
	"net/http"
	"sort"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

type options struct {
	server, tokenFile, caFile, namespace string
	http1                                bool
}

// clients are made once, so that they share connections as those of one controller do.
type clients struct {
	namespace string
	config    *rest.Config
	protobuf  kubernetes.Interface
	json      kubernetes.Interface
	dynamic   dynamic.Interface
	metadata  metadata.Interface
	mutex     sync.Mutex
	seen      map[string]bool
}

func newClients(options options) (*clients, error) {
	made := &clients{namespace: options.namespace, seen: map[string]bool{}}
	made.config = &rest.Config{
		Host:            options.server,
		BearerTokenFile: options.tokenFile,
		TLSClientConfig: rest.TLSClientConfig{CAFile: options.caFile},
		QPS:             -1,
		WrapTransport: func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(req *http.Request) (*http.Response, error) {
				res, err := next.RoundTrip(req)
				if err == nil {
					made.mutex.Lock()
					made.seen[res.Proto] = true
					made.mutex.Unlock()
				}
				return res, err
			})
		},
	}
	if options.http1 {
		made.config.TLSClientConfig.NextProtos = []string{"http/1.1"}
	}
	protobuf := rest.CopyConfig(made.config)
	protobuf.ContentType = runtime.ContentTypeProtobuf
	protobuf.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	var err error
	if made.protobuf, err = kubernetes.NewForConfig(protobuf); err != nil {
		return nil, err
	}
	// Typed clients of this release speak protobuf unless they are told otherwise.
	json := rest.CopyConfig(made.config)
	json.ContentType = runtime.ContentTypeJSON
	if made.json, err = kubernetes.NewForConfig(json); err != nil {
		return nil, err
	}
	if made.dynamic, err = dynamic.NewForConfig(made.config); err != nil {
		return nil, err
	}
	made.metadata, err = metadata.NewForConfig(made.config)
	return made, err
}

func (made *clients) protocols() []string {
	made.mutex.Lock()
	defer made.mutex.Unlock()
	out := []string{}
	for name := range made.seen {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

type roundTripper func(*http.Request) (*http.Response, error)

func (one roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return one(req) }
