package main

import (
	"context"
	"fmt"
	"sync"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
)

// nodeIP and the pods' addresses lie in one range that nobody routes: the API server reaches them through the egress
// socket, and only there do they mean anything.
const (
	nodeIP      = "10.244.0.1"
	podRange    = "10.244.0.0/16"
	kubeletPort = 10250
)

// node is this node and what runs on it.
type node struct {
	name     string
	client   kubernetes.Interface
	roots    *roots
	sessions *sessions
	events   record.EventRecorder

	mu       sync.Mutex
	pods     map[types.UID]*pod
	assigned int
}

func newNode(name string, client kubernetes.Interface, roots *roots, sessions *sessions) *node {
	return &node{
		name: name, client: client, roots: roots, sessions: sessions,
		events: newRecorder(client, name),
		pods:   map[types.UID]*pod{},
	}
}

// nextIP is an address of the range that no pod of this node has now. The lock is held.
func (n *node) nextIP() string {
	n.assigned++
	// From .1.1 on: the node's own is .0.1.
	return fmt.Sprintf("10.244.%d.%d", 1+n.assigned/250%250, 1+n.assigned%250)
}

// hasIP tells whether a pod of this node has that address.
func (n *node) hasIP(ip string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.pods {
		if p.ip == ip {
			return true
		}
	}
	return false
}

// find is the pod of that name, or an error that says that there is none.
func (n *node) find(namespace, name string) (*pod, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.pods {
		if p.namespace == namespace && p.name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("pod %q not found", name)
}

// container is a container of a pod that has been started, or an error that says why there is none.
func (n *node) container(namespace, podName, name string) (*container, error) {
	p, err := n.find(namespace, podName)
	if err != nil {
		return nil, err
	}
	c := p.container(name)
	if c == nil {
		return nil, fmt.Errorf("container %q not found in pod %q", name, podName)
	}
	return c, nil
}

// sync brings a pod to what its object says now.
func (n *node) sync(object *v1.Pod) {
	n.mu.Lock()
	p := n.pods[object.UID]
	if p == nil && object.DeletionTimestamp != nil {
		n.mu.Unlock()
		// Never begun, or ended and only kept by a finalizer: its status is to stay what it is.
		go n.remove(object.Namespace, object.Name, object.UID)
		return
	}
	if p == nil {
		p = newPod(n, object, n.nextIP())
		n.pods[object.UID] = p
		n.mu.Unlock()
		go p.run()
		return
	}
	n.mu.Unlock()
	p.update(object)
}

// remove deletes the object of a pod of which nothing runs any more.
func (n *node) remove(namespace, name string, uid types.UID) {
	err := n.client.CoreV1().Pods(namespace).Delete(context.Background(), name, metav1.DeleteOptions{
		GracePeriodSeconds: new(int64), Preconditions: metav1.NewUIDPreconditions(string(uid)),
	})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		warn("a pod was not removed", err)
	}
}

// gone ends what is left of a pod whose object is no more: a forced deletion.
func (n *node) gone(uid types.UID) {
	n.mu.Lock()
	p := n.pods[uid]
	n.mu.Unlock()
	if p != nil {
		p.abandon()
	}
}

func (n *node) forget(p *pod) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.pods, p.uid)
}

// stopAll kills every container. What the API server knows of them stays.
func (n *node) stopAll() {
	n.mu.Lock()
	pods := make([]*pod, 0, len(n.pods))
	for _, p := range n.pods {
		pods = append(pods, p)
	}
	n.mu.Unlock()
	for _, p := range pods {
		p.kill()
	}
}
