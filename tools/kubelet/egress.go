package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// serveEgress answers the API server's HTTP CONNECT: for the node it is the kubelet's API, for a pod its port on
// loopback, and for everything else a refusal. Nothing that is dialled here leaves the machine.
func (n *node) serveEgress(ctx context.Context, socket string, kubeletAPI *handedListener) error {
	_ = os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	defer listener.Close()
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			if err := n.connect(conn, kubeletAPI); err != nil {
				warn("a connection was not made", err)
				_ = conn.Close()
			}
		}()
	}
}

func (n *node) connect(conn net.Conn, kubeletAPI *handedListener) error {
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	reader := bufio.NewReader(conn)
	request, err := http.ReadRequest(reader)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(request.Host)
	if request.Method != http.MethodConnect || err != nil {
		return answer(conn, http.StatusBadRequest, "CONNECT host:port is all that is served here")
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	// What came with the request in one read is the connection's first bytes.
	client := &buffered{conn, reader}
	if host == nodeIP && port == strconv.Itoa(kubeletPort) {
		if _, err := io.WriteString(conn, established); err != nil {
			return err
		}
		kubeletAPI.hand(client)
		return nil
	}
	if host != nodeIP && !n.hasIP(host) {
		return answer(conn, http.StatusForbidden, host+" is no address of this node or of a pod on it")
	}
	server, err := dialLoopback(port)
	if err != nil {
		return answer(conn, http.StatusBadGateway, err.Error())
	}
	defer server.Close()
	defer conn.Close()
	if _, err := io.WriteString(conn, established); err != nil {
		return err
	}
	join(client, server)
	return nil
}

const established = "HTTP/1.1 200 Connection established\r\n\r\n"

func answer(conn net.Conn, status int, message string) error {
	_, err := fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		status, http.StatusText(status))
	return errors.Join(errors.New(message), err)
}

// buffered is a connection whose first bytes have been read already.
type buffered struct {
	net.Conn
	reader *bufio.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.reader.Read(p) }

// handedListener accepts the connections that it is handed: the kubelet's API has no port of its own.
type handedListener struct{ conns chan net.Conn }

func newHandedListener() *handedListener { return &handedListener{conns: make(chan net.Conn)} }

func (l *handedListener) hand(conn net.Conn) { l.conns <- conn }

// Accept implements net.Listener.
func (l *handedListener) Accept() (net.Conn, error) { return <-l.conns, nil }

// Close implements net.Listener.
func (l *handedListener) Close() error { return nil }

// Addr implements net.Listener.
func (l *handedListener) Addr() net.Addr {
	return &net.TCPAddr{IP: net.ParseIP(nodeIP), Port: kubeletPort}
}
