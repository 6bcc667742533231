package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

// A stream that is quiet for so long ends, as with a kubelet (`--streaming-connection-idle-timeout`).
const idleTimeout = 4 * time.Hour

// serve answers the kubelet's API, to the API server only: any user's certificate is of the same authority.
func (n *node) serve(listener net.Listener, o options) error {
	authority, err := os.ReadFile(o.clientCA)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return fmt.Errorf("%s holds no certificate", o.clientCA)
	}
	certificate, err := tls.LoadX509KeyPair(o.servingCertificate, o.servingKey)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           only(o.clientName, n.routes()),
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{certificate}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
			MinVersion: tls.VersionTLS12,
		},
	}
	return server.ServeTLS(listener, "", "")
}

func only(name string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS.PeerCertificates[0].Subject.CommonName != name {
			http.Error(w, "only the API server is served here", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (n *node) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.HandleFunc("GET /pods", n.servePods)
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", n.serveLogs)
	for _, rest := range []string{"{namespace}/{pod}/{container}", "{namespace}/{pod}/{uid}/{container}"} {
		mux.HandleFunc("/exec/"+rest, n.serveExec)
		mux.HandleFunc("/attach/"+rest, n.serveAttach)
	}
	mux.HandleFunc("/portForward/{namespace}/{pod}", n.servePortForward)
	mux.HandleFunc("/portForward/{namespace}/{pod}/{uid}", n.servePortForward)
	return mux
}

func (n *node) servePods(w http.ResponseWriter, _ *http.Request) {
	list := v1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}, Items: []v1.Pod{}}
	n.mu.Lock()
	for _, p := range n.pods {
		object, _ := p.current()
		list.Items = append(list.Items, *object)
	}
	n.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(list)
}

func (n *node) serveExec(w http.ResponseWriter, r *http.Request) {
	c, streams, ok := n.streamed(w, r)
	if ok {
		remotecommand.ServeExec(w, r, execution{c}, r.PathValue("pod"), r.PathValue("uid"), c.spec.Name,
			r.URL.Query()["command"], streams, idleTimeout, remotecommand.DefaultStreamCreationTimeout,
			remotecommand.SupportedStreamingProtocols)
	}
}

func (n *node) serveAttach(w http.ResponseWriter, r *http.Request) {
	c, streams, ok := n.streamed(w, r)
	if ok {
		remotecommand.ServeAttach(w, r, execution{c}, r.PathValue("pod"), r.PathValue("uid"), c.spec.Name,
			streams, idleTimeout, remotecommand.DefaultStreamCreationTimeout, remotecommand.SupportedStreamingProtocols)
	}
}

func (n *node) streamed(w http.ResponseWriter, r *http.Request) (*container, *remotecommand.Options, bool) {
	c, err := n.container(r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return nil, nil, false
	}
	if running, _ := c.process(); running == nil {
		// The kubelet's own words and status, before anything is upgraded.
		http.Error(w, fmt.Sprintf("container not found (%q)", c.spec.Name), http.StatusInternalServerError)
		return nil, nil, false
	}
	streams, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return nil, nil, false
	}
	return c, streams, true
}

func (n *node) servePortForward(w http.ResponseWriter, r *http.Request) {
	if _, err := n.find(r.PathValue("namespace"), r.PathValue("pod")); err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	ports, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(w, r, forwarding{}, r.PathValue("pod"), r.PathValue("uid"), ports,
		idleTimeout, remotecommand.DefaultStreamCreationTimeout, portforward.SupportedProtocols)
}
