package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
)

func typedProtobuf(ctx context.Context, made *clients) (any, error) {
	return typed(ctx, made.protobuf, made.namespace, "typed-protobuf")
}

func typedJSON(ctx context.Context, made *clients) (any, error) {
	return typed(ctx, made.json, made.namespace, "typed-json")
}

// typed does each verb on a ConfigMap and a Deployment, whose shape differs between protobuf and JSON.
func typed(ctx context.Context, client kubernetes.Interface, namespace, name string) (any, error) {
	maps, deployments := client.CoreV1().ConfigMaps(namespace), client.AppsV1().Deployments(namespace)
	made, err := maps.Create(ctx, configMap(name, map[string]string{"a": "1"}), metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	made.Data["b"] = "2"
	if made, err = maps.Update(ctx, made, metav1.UpdateOptions{}); err != nil {
		return nil, fmt.Errorf("update: %w", err)
	}
	patches := []struct {
		kind types.PatchType
		body string
	}{
		{types.StrategicMergePatchType, `{"data":{"c":"3"}}`},
		{types.MergePatchType, `{"data":{"a":null}}`},
		{types.JSONPatchType, `[{"op":"add","path":"/data/d","value":"4"}]`},
	}
	for _, patch := range patches {
		if _, err = maps.Patch(ctx, name, patch.kind, []byte(patch.body), metav1.PatchOptions{}); err != nil {
			return nil, fmt.Errorf("%s: %w", patch.kind, err)
		}
	}
	stored, err := maps.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	listed, err := maps.List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	if err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	if _, err = deployments.Create(ctx, deployment(name), metav1.CreateOptions{}); err != nil {
		return nil, fmt.Errorf("create a Deployment: %w", err)
	}
	workload, err := deployments.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("get a Deployment: %w", err)
	}
	dry, err := maps.Create(ctx, configMap(name+"-dry", nil), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return nil, fmt.Errorf("dry run: %w", err)
	}
	for what, err := range map[string]error{
		"delete":              maps.Delete(ctx, name, metav1.DeleteOptions{}),
		"delete a Deployment": deployments.Delete(ctx, name, metav1.DeleteOptions{}),
	} {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
	}
	_, err = maps.Get(ctx, name, metav1.GetOptions{})
	return map[string]any{
		"stored": stored.Data, "labels": stored.Labels, "listed": len(listed.Items), "spec": workload.Spec.Template.Spec,
		"dry": dry.Name, "gone": apierrors.IsNotFound(err),
	}, nil
}

func dynamicClient(ctx context.Context, made *clients) (any, error) {
	policies := made.dynamic.Resource(schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"}).Namespace(made.namespace)
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": map[string]any{"name": "dynamic"},
		"spec": map[string]any{"podSelector": map[string]any{}},
	}}
	if _, err := policies.Create(ctx, object, metav1.CreateOptions{}); err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	applied, err := policies.Apply(ctx, "dynamic", object, metav1.ApplyOptions{FieldManager: "goclient", Force: true})
	if err != nil {
		return nil, fmt.Errorf("apply: %w", err)
	}
	listed, err := policies.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	err = policies.Delete(ctx, "dynamic", metav1.DeleteOptions{})
	return map[string]any{"spec": applied.Object["spec"], "kind": listed.GetKind(), "listed": len(listed.Items)}, err
}

func serverSideApply(ctx context.Context, made *clients) (any, error) {
	maps := made.json.CoreV1().ConfigMaps(made.namespace)
	object := func(value string) *applycorev1.ConfigMapApplyConfiguration {
		return applycorev1.ConfigMap("applied", made.namespace).WithData(map[string]string{"a": value})
	}
	first, err := maps.Apply(ctx, object("1"), metav1.ApplyOptions{FieldManager: "one"})
	if err != nil {
		return nil, fmt.Errorf("apply: %w", err)
	}
	_, other := maps.Apply(ctx, object("2"), metav1.ApplyOptions{FieldManager: "two"})
	forced, err := maps.Apply(ctx, object("3"), metav1.ApplyOptions{FieldManager: "two", Force: true})
	if err != nil {
		return nil, fmt.Errorf("apply with force: %w", err)
	}
	managers := []string{}
	for _, entry := range forced.ManagedFields {
		managers = append(managers, entry.Manager)
	}
	return map[string]any{
		"first": first.Data, "conflict": apierrors.IsConflict(other), "says": fmt.Sprint(other), "forced": forced.Data, "managers": managers,
	}, maps.Delete(ctx, "applied", metav1.DeleteOptions{})
}

func conflict(ctx context.Context, made *clients) (any, error) {
	maps := made.protobuf.CoreV1().ConfigMaps(made.namespace)
	stale, err := maps.Create(ctx, configMap("counted", map[string]string{"n": ""}), metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	var all sync.WaitGroup
	failed := make(chan error, 5)
	for range 5 {
		all.Go(func() {
			failed <- retry.RetryOnConflict(retry.DefaultBackoff, func() error {
				now, err := maps.Get(ctx, "counted", metav1.GetOptions{})
				if err != nil {
					return err
				}
				now.Data["n"] += "+"
				_, err = maps.Update(ctx, now, metav1.UpdateOptions{})
				return err
			})
		})
	}
	all.Wait()
	close(failed)
	succeeded := 0
	for err := range failed {
		switch {
		case err == nil:
			succeeded++
		case !apierrors.IsConflict(err):
			return nil, err
		}
	}
	stored, err := maps.Get(ctx, "counted", metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	_, err = maps.Update(ctx, stale, metav1.UpdateOptions{})
	return map[string]any{
		"lost": succeeded != strings.Count(stored.Data["n"], "+"), "none": succeeded == 0, "stale": apierrors.IsConflict(err), "says": fmt.Sprint(err),
	}, maps.Delete(ctx, "counted", metav1.DeleteOptions{})
}

func deleteCollection(ctx context.Context, made *clients) (any, error) {
	maps := made.protobuf.CoreV1().ConfigMaps(made.namespace)
	for i := range 3 {
		object := configMap(fmt.Sprintf("collected-%d", i), nil)
		object.Labels["collected"] = "yes"
		if _, err := maps.Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return nil, err
		}
	}
	options := metav1.ListOptions{LabelSelector: "collected=yes"}
	if err := maps.DeleteCollection(ctx, metav1.DeleteOptions{}, options); err != nil {
		return nil, err
	}
	left, err := maps.List(ctx, options)
	if err != nil {
		return nil, err
	}
	return map[string]any{"left": len(left.Items)}, nil
}

// errorKinds are what controllers tell failures by.
func errorKinds(ctx context.Context, made *clients) (any, error) {
	maps := made.protobuf.CoreV1().ConfigMaps(made.namespace)
	_, missing := maps.Get(ctx, "nobody", metav1.GetOptions{})
	_, invalid := maps.Create(ctx, configMap("Not A Name", nil), metav1.CreateOptions{})
	if _, err := maps.Create(ctx, configMap("twice", nil), metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	_, exists := maps.Create(ctx, configMap("twice", nil), metav1.CreateOptions{})
	_, noNamespace := made.protobuf.CoreV1().ConfigMaps("nowhere").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, metav1.CreateOptions{})
	return map[string]any{
		"missing": apierrors.IsNotFound(missing), "invalid": apierrors.IsInvalid(invalid), "exists": apierrors.IsAlreadyExists(exists),
		"noNamespace": apierrors.IsNotFound(noNamespace),
		"says":        []string{fmt.Sprint(missing), fmt.Sprint(invalid), fmt.Sprint(exists), fmt.Sprint(noNamespace)},
	}, maps.Delete(ctx, "twice", metav1.DeleteOptions{})
}
