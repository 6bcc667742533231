package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/util/retry"
)

func pagination(ctx context.Context, made *clients) (any, error) {
	maps := made.protobuf.CoreV1().ConfigMaps(made.namespace)
	for i := range 25 {
		object := configMap(fmt.Sprintf("page-%02d", i), nil)
		object.Labels["paged"] = "yes"
		if _, err := maps.Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return nil, err
		}
	}
	options := metav1.ListOptions{LabelSelector: "paged=yes", Limit: 10}
	pages := []int{}
	for {
		page, err := maps.List(ctx, options)
		if err != nil {
			return nil, err
		}
		pages = append(pages, len(page.Items))
		if options.Continue = page.Continue; options.Continue == "" {
			break
		}
	}
	names := []string{}
	all := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return maps.List(ctx, options)
	})
	err := all.EachListItem(ctx, metav1.ListOptions{LabelSelector: "paged=yes", Limit: 10}, func(object runtime.Object) error {
		names = append(names, object.(*corev1.ConfigMap).Name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"pages": pages, "names": names}, maps.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "paged=yes"})
}

func discovery(_ context.Context, made *clients) (any, error) {
	groups, resources, err := made.json.Discovery().ServerGroupsAndResources()
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, group := range groups {
		names = append(names, group.Name+" "+group.PreferredVersion.Version)
	}
	for _, list := range resources {
		names = append(names, fmt.Sprintf("%s %d", list.GroupVersion, len(list.APIResources)))
	}
	slices.Sort(names)
	version, err := made.json.Discovery().ServerVersion()
	if err != nil {
		return nil, err
	}
	open, err := made.json.Discovery().OpenAPIV3().Paths()
	if err != nil {
		return nil, err
	}
	return map[string]any{"names": names, "version": version.GitVersion, "openapi": len(open)}, nil
}

func selectors(ctx context.Context, made *clients) (any, error) {
	maps := made.json.CoreV1().ConfigMaps(made.namespace)
	for _, name := range []string{"red", "green", "blue"} {
		object := configMap("color-"+name, nil)
		object.Labels["color"] = name
		if _, err := maps.Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return nil, err
		}
	}
	out := map[string][]string{}
	for _, options := range []metav1.ListOptions{
		{LabelSelector: "color in (red, green)"}, {LabelSelector: "color,color!=red"}, {FieldSelector: "metadata.name=color-blue"},
		{FieldSelector: "metadata.namespace=" + made.namespace, LabelSelector: "color=red"},
	} {
		list, err := maps.List(ctx, options)
		if err != nil {
			return nil, err
		}
		for _, item := range list.Items {
			key := options.LabelSelector + "; " + strings.ReplaceAll(options.FieldSelector, made.namespace, "-")
			out[key] = append(out[key], item.Name)
		}
	}
	return out, maps.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "color"})
}

func metadataClient(ctx context.Context, made *clients) (any, error) {
	secrets := made.protobuf.CoreV1().Secrets(made.namespace)
	if _, err := secrets.Create(ctx, secret("meta"), metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	resource := made.metadata.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace(made.namespace)
	one, err := resource.Get(ctx, "meta", metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	list, err := resource.List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=meta"})
	if err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	return map[string]any{"kind": one.Kind, "name": one.Name, "listed": len(list.Items)}, resource.Delete(ctx, "meta", metav1.DeleteOptions{})
}

func scaleClient(ctx context.Context, made *clients) (any, error) {
	deployments := made.json.AppsV1().Deployments(made.namespace)
	if _, err := deployments.Create(ctx, deployment("scaled"), metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	groups, err := restmapper.GetAPIGroupResources(made.json.Discovery())
	if err != nil {
		return nil, err
	}
	scales, err := scale.NewForConfig(made.config, restmapper.NewDiscoveryRESTMapper(groups), dynamicPath, scale.NewDiscoveryScaleKindResolver(made.json.Discovery()))
	if err != nil {
		return nil, err
	}
	resource := schema.GroupResource{Group: "apps", Resource: "deployments"}
	var before, after int32
	// The Deployment's controller writes its status meanwhile.
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		now, err := scales.Scales(made.namespace).Get(ctx, resource, "scaled", metav1.GetOptions{})
		if err != nil {
			return err
		}
		before, now.Spec.Replicas = now.Spec.Replicas, 2
		if now, err = scales.Scales(made.namespace).Update(ctx, resource, now, metav1.UpdateOptions{}); err == nil {
			after = now.Spec.Replicas
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"before": before, "after": after}, deployments.Delete(ctx, "scaled", metav1.DeleteOptions{})
}

func dynamicPath(kind schema.GroupVersionKind) string {
	if kind.Group == "" {
		return "/api"
	}
	return "/apis"
}

// secretProtobuf accepts nothing but protobuf.
func secretProtobuf(ctx context.Context, made *clients) (any, error) {
	secrets := made.protobuf.CoreV1().Secrets(made.namespace)
	if _, err := secrets.Create(ctx, secret("kept"), metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	ask := func(name string) (runtime.Object, error) {
		request := made.protobuf.CoreV1().RESTClient().Get().Namespace(made.namespace).Resource("secrets").SetHeader("Accept", runtime.ContentTypeProtobuf)
		if name != "" {
			request = request.Name(name)
		}
		raw, err := request.Do(ctx).Raw()
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(string(raw), "k8s\x00") {
			return nil, fmt.Errorf("it is no protobuf: %.20q", raw)
		}
		object, _, err := scheme.Codecs.UniversalDeserializer().Decode(raw, nil, nil)
		return object, err
	}
	one, err := ask("kept")
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	many, err := ask("")
	if err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	listed := []string{}
	for _, item := range many.(*corev1.SecretList).Items {
		listed = append(listed, item.Name+" "+string(item.Data["password"]))
	}
	return map[string]any{"value": string(one.(*corev1.Secret).Data["password"]), "listed": listed}, secrets.Delete(ctx, "kept", metav1.DeleteOptions{})
}

func secretInformer(ctx context.Context, made *clients) (any, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	secrets := made.protobuf.CoreV1().Secrets(made.namespace)
	if _, err := secrets.Create(ctx, secret("informed"), metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	factory := informers.NewSharedInformerFactoryWithOptions(made.protobuf, 0, informers.WithNamespace(made.namespace))
	informer := factory.Core().V1().Secrets()
	store := informer.Informer()
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	defer cancel()
	if !cache.WaitForCacheSync(ctx.Done(), store.HasSynced) {
		return nil, fmt.Errorf("the informer did not sync")
	}
	cached, err := informer.Lister().Secrets(made.namespace).Get("informed")
	if err != nil {
		return nil, err
	}
	if _, err := secrets.Create(ctx, secret("informed-later"), metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	later := ""
	err = until(ctx, "the second secret", func() bool {
		found, err := informer.Lister().Secrets(made.namespace).Get("informed-later")
		if err == nil {
			later = string(found.Data["password"])
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"informed", "informed-later"} {
		if err := secrets.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			return nil, err
		}
	}
	return map[string]any{"value": string(cached.Data["password"]), "later": later}, nil
}

// gzipList is big enough for the API server to compress it, and asks for that itself.
func gzipList(ctx context.Context, made *clients) (any, error) {
	maps := made.json.CoreV1().ConfigMaps(made.namespace)
	for i := range 3 {
		object := configMap(fmt.Sprintf("big-%d", i), map[string]string{"text": strings.Repeat("all work and no play ", 4000)})
		object.Labels["big"] = "yes"
		if _, err := maps.Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return nil, err
		}
	}
	client, err := rest.HTTPClientFor(made.config)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, made.config.Host+"/api/v1/namespaces/"+made.namespace+"/configmaps?labelSelector=big%3Dyes", nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept-Encoding", "gzip")
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var body io.Reader = answer.Body
	encoding := answer.Header.Get("Content-Encoding")
	if encoding == "gzip" {
		if body, err = gzip.NewReader(answer.Body); err != nil {
			return nil, err
		}
	}
	var list corev1.ConfigMapList
	if err := json.NewDecoder(body).Decode(&list); err != nil {
		return nil, err
	}
	names := []string{}
	for _, item := range list.Items {
		names = append(names, fmt.Sprintf("%s %d", item.Name, len(item.Data["text"])))
	}
	slices.Sort(names)
	return map[string]any{"encoding": encoding, "names": names}, maps.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "big=yes"})
}
