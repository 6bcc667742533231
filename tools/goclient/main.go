// Command goclient does with client-go what controllers and tools do with it, against one API server, and prints
// what it saw as JSON: the same program is run against an API server and against the gateway in front of it, and
// what it prints must be the same.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// result is one check: what it saw, which must not hold anything that differs from run to run, or why it failed.
type result struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Seen  any    `json:"seen,omitempty"`
	Error string `json:"error,omitempty"`
}

type report struct {
	// Protocols of all answers, as net/http has them: HTTP/1.1, HTTP/2.0.
	Protocols []string `json:"protocols"`
	Checks    []result `json:"checks"`
}

type check struct {
	name string
	run  func(context.Context, *clients) (any, error)
}

var checks = []check{
	{"typed client, protobuf", typedProtobuf},
	{"typed client, JSON", typedJSON},
	{"dynamic client", dynamicClient},
	{"shared informer", sharedInformer},
	{"watch-list", watchList},
	{"watch that times out", watchTimeout},
	{"many watches at once", manyWatches},
	{"server-side apply", serverSideApply},
	{"pagination", pagination},
	{"discovery", discovery},
	{"selectors", selectors},
	{"conflict", conflict},
	{"metadata client", metadataClient},
	{"scale client", scaleClient},
	{"secret, protobuf only", secretProtobuf},
	{"secret, informer over protobuf", secretInformer},
	{"gzip", gzipList},
	{"delete a collection", deleteCollection},
	{"leader election", leaderElection},
	{"errors", errorKinds},
}

func main() {
	var options options
	flag.StringVar(&options.server, "server", "", "URL of the API server, or of a connection of the gateway")
	flag.StringVar(&options.tokenFile, "token-file", "", "file of the bearer token")
	flag.StringVar(&options.caFile, "ca", "", "certificate of the server's authority")
	flag.StringVar(&options.namespace, "namespace", "default", "namespace to work in; it must exist and be empty")
	flag.BoolVar(&options.http1, "http1", false, "offer no HTTP/2 in the handshake")
	only := flag.String("only", "", "run the checks whose name holds this text")
	flag.Parse()
	made, err := newClients(options)
	if err != nil {
		fmt.Fprintln(os.Stderr, "goclient:", err)
		os.Exit(3)
	}
	out := report{Checks: []result{}}
	for _, one := range checks {
		if strings.Contains(one.name, *only) {
			out.Checks = append(out.Checks, run(one, made))
		}
	}
	out.Protocols = made.protocols()
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		os.Exit(3)
	}
	for _, one := range out.Checks {
		if !one.OK {
			os.Exit(1)
		}
	}
}

func run(one check, made *clients) (out result) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out.Name = one.name
	defer func() {
		if thrown := recover(); thrown != nil {
			out.OK, out.Error = false, fmt.Sprint("panic: ", thrown)
		}
	}()
	seen, err := one.run(ctx, made)
	out.Seen, out.OK = seen, err == nil
	if err != nil {
		out.Error = err.Error()
	}
	return out
}
