package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// journal is what an informer's handler saw, one line a change of each object.
type journal struct {
	mutex sync.Mutex
	lines []string
}

func (one *journal) add(text string) {
	one.mutex.Lock()
	defer one.mutex.Unlock()
	one.lines = append(one.lines, text)
}

func (one *journal) has(text string) bool {
	one.mutex.Lock()
	defer one.mutex.Unlock()
	for _, line := range one.lines {
		if line == text {
			return true
		}
	}
	return false
}

func sharedInformer(ctx context.Context, made *clients) (any, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	maps := made.protobuf.CoreV1().ConfigMaps(made.namespace)
	if _, err := maps.Create(ctx, configMap("informed", map[string]string{"a": "1"}), metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	factory := informers.NewSharedInformerFactoryWithOptions(made.protobuf, time.Second, informers.WithNamespace(made.namespace))
	informer := factory.Core().V1().ConfigMaps().Informer()
	seen := &journal{}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { seen.add("add " + object.(*corev1.ConfigMap).Name) },
		UpdateFunc: func(old, now any) {
			before, after := old.(*corev1.ConfigMap), now.(*corev1.ConfigMap)
			if before.ResourceVersion == after.ResourceVersion {
				seen.add("resync " + after.Name)
			} else {
				seen.add("update " + after.Name + " " + after.Data["a"])
			}
		},
		DeleteFunc: func(object any) { seen.add("delete " + object.(*corev1.ConfigMap).Name) },
	})
	if err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	defer cancel()
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return nil, fmt.Errorf("the informer did not sync")
	}
	steps := []struct {
		do   func() error
		line string
	}{
		{func() error { return nil }, "add informed"},
		{func() error {
			_, err := maps.Update(ctx, configMap("informed", map[string]string{"a": "2"}), metav1.UpdateOptions{})
			return err
		}, "update informed 2"},
		{func() error { return nil }, "resync informed"},
		{func() error { return maps.Delete(ctx, "informed", metav1.DeleteOptions{}) }, "delete informed"},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			return nil, err
		}
		if err := until(ctx, step.line, func() bool { return seen.has(step.line) }); err != nil {
			return nil, err
		}
	}
	return map[string]any{"synced": true}, nil
}

// watchList asks for the objects that there are as events of the watch itself (KEP-3157).
func watchList(ctx context.Context, made *clients) (any, error) {
	out := map[string]any{}
	for encoding, client := range map[string]kubernetes.Interface{"protobuf": made.protobuf, "json": made.json} {
		maps := client.CoreV1().ConfigMaps(made.namespace)
		if _, err := maps.Create(ctx, configMap("listed", nil), metav1.CreateOptions{}); err != nil {
			return nil, err
		}
		initial := true
		stream, err := maps.Watch(ctx, metav1.ListOptions{
			SendInitialEvents: &initial, AllowWatchBookmarks: true, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
			FieldSelector: "metadata.name=listed",
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", encoding, err)
		}
		defer stream.Stop()
		seen := []string{}
		for event := range stream.ResultChan() {
			object, is := event.Object.(*corev1.ConfigMap)
			if !is {
				return nil, fmt.Errorf("%s: %s with %T", encoding, event.Type, event.Object)
			}
			seen = append(seen, string(event.Type)+" "+object.Name+" "+object.Annotations[metav1.InitialEventsAnnotationKey])
			if event.Type == watch.Bookmark {
				if err := maps.Delete(ctx, "listed", metav1.DeleteOptions{}); err != nil {
					return nil, err
				}
			}
			if event.Type == watch.Deleted {
				break
			}
		}
		out[encoding] = seen
	}
	return out, nil
}

func watchTimeout(ctx context.Context, made *clients) (any, error) {
	second := int64(1)
	stream, err := made.protobuf.CoreV1().Endpoints(made.namespace).Watch(ctx, metav1.ListOptions{TimeoutSeconds: &second, FieldSelector: "metadata.name=nothing"})
	if err != nil {
		return nil, err
	}
	seen := []string{}
	for event := range stream.ResultChan() {
		seen = append(seen, fmt.Sprintf("%s %T", event.Type, event.Object))
	}
	return seen, nil
}

// manyWatches are more than one HTTP/2 connection has room for.
func manyWatches(ctx context.Context, made *clients) (any, error) {
	const count = 250
	maps := made.protobuf.CoreV1().ConfigMaps(made.namespace)
	var opened, seen atomic.Int32
	var failed atomic.Value
	var all sync.WaitGroup
	for range count {
		all.Go(func() {
			stream, err := maps.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=broadcast"})
			if err != nil {
				failed.Store(err)
				return
			}
			opened.Add(1)
			defer stream.Stop()
			for event := range stream.ResultChan() {
				if event.Type == watch.Added {
					seen.Add(1)
					return
				}
			}
		})
	}
	if err := until(ctx, "watches open", func() bool { return opened.Load() == count || failed.Load() != nil }); err != nil {
		return nil, err
	}
	if err, is := failed.Load().(error); is {
		return nil, err
	}
	if _, err := maps.Create(ctx, configMap("broadcast", nil), metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	all.Wait()
	return map[string]any{"opened": opened.Load(), "seen": seen.Load()}, maps.Delete(ctx, "broadcast", metav1.DeleteOptions{})
}

func leaderElection(ctx context.Context, made *clients) (any, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var led, ended atomic.Bool
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Name: "elected", Namespace: made.namespace},
			Client:     made.protobuf.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: "goclient"},
		},
		LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 5 * time.Second, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { led.Store(true) },
			OnStoppedLeading: func() { ended.Store(true) },
		},
	})
	if err != nil {
		return nil, err
	}
	go elector.Run(ctx)
	if err := until(ctx, "leads", led.Load); err != nil {
		return nil, err
	}
	// It renews at once, and then every few seconds: given up while a renewal is under way, the two may meet in a conflict.
	leases := made.protobuf.CoordinationV1().Leases(made.namespace)
	if err := until(ctx, "renews", func() bool {
		lease, err := leases.Get(ctx, "elected", metav1.GetOptions{})
		return err == nil && lease.Spec.RenewTime.After(lease.Spec.AcquireTime.Time)
	}); err != nil {
		return nil, err
	}
	cancel()
	if err := until(context.Background(), "stops leading", ended.Load); err != nil {
		return nil, err
	}
	lease, err := leases.Get(context.Background(), "elected", metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return map[string]any{"transitions": *lease.Spec.LeaseTransitions, "released": *lease.Spec.HolderIdentity == ""},
		leases.Delete(context.Background(), "elected", metav1.DeleteOptions{})
}
