package main

import (
	"context"
	"os"
	"runtime"
	"time"

	coordination "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"
)

// The lease's times are those of a kubelet: a node that misses 40 s of renewals is NotReady.
const (
	leaseSeconds = 40
	renewEvery   = 10 * time.Second
)

// version is the kubelet's that this one passes for; it must not be newer than the API server.
const version = "v1.36.3"

// register makes the node and says that it is Ready. `ExtendWebSocketsToKubelet` is not among its features, so the
// API server speaks SPDY to it, whatever its client spoke.
func (n *node) register(ctx context.Context) error {
	host, _ := os.Hostname()
	object := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.name, Labels: map[string]string{
			v1.LabelHostname: n.name, v1.LabelOSStable: "linux", v1.LabelArchStable: runtime.GOARCH,
		}},
		Spec: v1.NodeSpec{PodCIDR: podRange, PodCIDRs: []string{podRange}},
	}
	nodes := n.client.CoreV1().Nodes()
	if _, err := nodes.Create(ctx, object, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	// The node controllers write to a new node at once, and may be first.
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		made, err := nodes.Get(ctx, n.name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		made.Status = nodeStatus(n.name, host)
		_, err = nodes.UpdateStatus(ctx, made, metav1.UpdateOptions{})
		return err
	})
}

func nodeStatus(name, host string) v1.NodeStatus {
	now := metav1.Now()
	condition := func(kind v1.NodeConditionType, status v1.ConditionStatus, reason, message string) v1.NodeCondition {
		return v1.NodeCondition{
			Type: kind, Status: status, Reason: reason, Message: message,
			LastHeartbeatTime: now, LastTransitionTime: now,
		}
	}
	resources := v1.ResourceList{
		v1.ResourceCPU:              resource.MustParse("64"),
		v1.ResourceMemory:           resource.MustParse("256Gi"),
		v1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
		v1.ResourcePods:             resource.MustParse("500"),
	}
	return v1.NodeStatus{
		Capacity: resources, Allocatable: resources,
		Addresses: []v1.NodeAddress{
			{Type: v1.NodeInternalIP, Address: nodeIP}, {Type: v1.NodeHostName, Address: name},
		},
		DaemonEndpoints: v1.NodeDaemonEndpoints{KubeletEndpoint: v1.DaemonEndpoint{Port: kubeletPort}},
		NodeInfo: v1.NodeSystemInfo{
			KubeletVersion: version, OperatingSystem: "linux", Architecture: runtime.GOARCH,
			MachineID: host, OSImage: "none", ContainerRuntimeVersion: "stub://" + version, KernelVersion: "none",
		},
		Conditions: []v1.NodeCondition{
			condition(v1.NodeMemoryPressure, v1.ConditionFalse, "KubeletHasSufficientMemory", "there is memory"),
			condition(v1.NodeDiskPressure, v1.ConditionFalse, "KubeletHasNoDiskPressure", "there is room"),
			condition(v1.NodePIDPressure, v1.ConditionFalse, "KubeletHasSufficientPID", "there are process ids"),
			condition(v1.NodeReady, v1.ConditionTrue, "KubeletReady", "the stub kubelet runs"),
		},
	}
}

// keepLease renews the node's lease until the context ends. A renewal that fails is tried again at the next.
func (n *node) keepLease(ctx context.Context) {
	leases := n.client.CoordinationV1().Leases(v1.NamespaceNodeLease)
	for {
		now := metav1.NowMicro()
		lease, err := leases.Get(ctx, n.name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			_, err = leases.Create(ctx, &coordination.Lease{
				ObjectMeta: metav1.ObjectMeta{Name: n.name},
				Spec: coordination.LeaseSpec{
					HolderIdentity: &n.name, LeaseDurationSeconds: ptr.To[int32](leaseSeconds), RenewTime: &now,
				},
			}, metav1.CreateOptions{})
		case err == nil:
			lease = lease.DeepCopy()
			lease.Spec.RenewTime = &now
			_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
		}
		wait := renewEvery
		if err != nil {
			warn("the lease was not renewed", err)
			wait = time.Second
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func newRecorder(client kubernetes.Interface, name string) record.EventRecorder {
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: client.CoreV1().Events("")})
	return broadcaster.NewRecorder(scheme.Scheme, v1.EventSource{Component: "kubelet", Host: name})
}
