// Command stub-kubelet is a node for tests: it registers itself, schedules every pod onto itself and runs their
// containers as ordinary processes of this machine. There are no images: a container's command comes from the host,
// or from a static busybox where one is found (rootfs.go). It is no sandbox.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

type options struct {
	kubeconfig, nodeName, directory, egressSocket string
	servingCertificate, servingKey                string
	clientCA, clientName                          string
}

func main() {
	// The programs that this one is besides (os.Args[0] where a container runs one by name).
	switch {
	case filepath.Base(os.Args[0]) == echoName:
		os.Exit(httpEcho(os.Args[1:]))
	case len(os.Args) == 3 && os.Args[1] == reaperArgument:
		reap(os.Stdin, os.Args[2])
		return
	case len(os.Args) > 1 && os.Args[1] == terminalArgument:
		os.Exit(runInTerminal(os.Args[2:]))
	}
	var o options
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "of the node's user")
	flag.StringVar(&o.nodeName, "node-name", "stub", "name of the node")
	flag.StringVar(&o.directory, "directory", "", "where containers' folders and logs are kept")
	flag.StringVar(&o.egressSocket, "egress-socket", "", "Unix socket of the API server's HTTP CONNECT")
	flag.StringVar(&o.servingCertificate, "tls-cert-file", "", "serving certificate for "+nodeIP)
	flag.StringVar(&o.servingKey, "tls-private-key-file", "", "its key")
	flag.StringVar(&o.clientCA, "client-ca-file", "", "authority of the API server's client certificate")
	flag.StringVar(&o.clientName, "client-name", "", "common name in that certificate: nobody else is served")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(o options) error {
	// Taken, not ignored: a shell's `&` starts this process with SIGINT ignored, and what is ignored here would be
	// in every container, where Ctrl-C would then do nothing.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP)

	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 500, 1000
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	root, err := chooseRoots(o.directory)
	if err != nil {
		return err
	}
	sessions, err := startReaper(root.directory)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n := newNode(o.nodeName, client, root, sessions)
	failed := make(chan error, 3)
	kubeletAPI := newHandedListener()
	go func() { failed <- n.serve(kubeletAPI, o) }()
	go func() { failed <- n.serveEgress(ctx, o.egressSocket, kubeletAPI) }()
	go func() { failed <- n.follow(ctx) }()

	select {
	case err = <-failed:
	case <-signals:
	}
	cancel()
	n.stopAll()
	return err
}
