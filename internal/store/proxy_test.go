package store_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// proxy stands between a node and PostgreSQL and can cut a connection at its COMMIT.
type proxy struct {
	target string
	mu     sync.Mutex
	onCut  func(client net.Conn, server io.ReadWriter, commit []byte)
	cuts   int
}

// listen starts a proxy before the server of a URL and gives the URL through it.
func (p *proxy) listen(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.target, u.Host = u.Host, l.Addr().String()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
	return u.String()
}

// cutNext lets the next COMMIT meet a fate.
func (p *proxy) cutNext(fate func(client net.Conn, server io.ReadWriter, commit []byte)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onCut = fate
}

func (p *proxy) take(message []byte) func(net.Conn, io.ReadWriter, []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.onCut == nil || !bytes.Contains(message, []byte("commit\x00")) {
		return nil
	}
	fate := p.onCut
	p.onCut = nil
	p.cuts++
	return fate
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	cut := make(chan struct{}) // the server's answers are not passed on any more
	go func() {
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			select {
			case <-cut:
				return
			default:
			}
			if err != nil {
				client.Close()
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if fate := p.take(buffer[:n]); fate != nil {
			close(cut)
			fate(client, server, buffer[:n])
			return
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// lost: the COMMIT never reaches the server.
func lost(client net.Conn, _ io.ReadWriter, _ []byte) { client.Close() }

// unanswered: the server commits, and its answer is lost.
func unanswered(client net.Conn, server io.ReadWriter, commit []byte) {
	_, _ = server.Write(commit)
	// The other reader may take the first answer; the end of the connection is sure to come after the COMMIT.
	_, _ = server.Write([]byte{'X', 0, 0, 0, 4})
	_, _ = io.Copy(io.Discard, server)
	client.Close()
}
