package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

// echoName is what a container calls this program by to have a server of its own: `http-echo PORT TEXT`.
const echoName = "http-echo"

// httpEcho answers every request on loopback with its method, path and the text, until it is told to stop.
func httpEcho(args []string) int {
	if len(args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: http-echo PORT TEXT")
		return 2
	}
	listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", args[0]))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		os.Exit(0)
	}()
	fmt.Println("listening on", listener.Addr())
	err = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %s\n", r.Method, r.URL.RequestURI(), args[1])
	}))
	fmt.Fprintln(os.Stderr, err)
	return 1
}
