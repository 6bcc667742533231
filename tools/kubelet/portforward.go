package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
)

// forwarding is a port-forward request's: portforward.PortForwarder of one pod. Every pod's network is loopback, so
// two pods cannot listen on one port.
type forwarding struct{}

// PortForward joins a client's stream to a port on loopback.
func (forwarding) PortForward(_ context.Context, name, _ string, port int32, stream io.ReadWriteCloser) error {
	to, err := dialLoopback(strconv.Itoa(int(port)))
	if err != nil {
		return fmt.Errorf("pod %s: %w", name, err)
	}
	defer to.Close()
	join(stream, to)
	return nil
}

func dialLoopback(port string) (*net.TCPConn, error) {
	conn, err := net.Dial("tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// join copies both ways. An end of what the client sends is passed on; an end of the answer ends both.
func join(client io.ReadWriter, server *net.TCPConn) {
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.CloseWrite()
	}()
	_, _ = io.Copy(client, server)
}
