package httpd_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/route"
)

// TestSlowBody: who announces a body and does not send it is answered and let go,
// and holds up nobody meanwhile, whoever reads the body first.
func TestSlowBody(t *testing.T) {
	if testing.Short() {
		t.Skip("the server gives a body five seconds")
	}
	for name, header := range map[string]string{"plain": "", "with a key": "Idempotency-Key: one\r\n"} {
		t.Run(name, func(t *testing.T) { slowBody(t, header) })
	}
}

func slowBody(t *testing.T, header string) {
	t.Helper()
	t.Parallel()
	s := start(t)
	jane := s.Person(t, "jane@example.com")
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	before := events(t, s)
	fmt.Fprintf(conn, "POST /organization HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%sContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"name\":", jane.Credential, header)
	jane.Get(t, "/organization").Must(t, 200)
	if err := conn.SetReadDeadline(time.Now().Add(15 * time.Second)); err != nil { // three times as long as a body may take
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var p route.Problem
	if err := json.NewDecoder(answer.Body).Decode(&p); err != nil || answer.StatusCode != 400 || p.Code != "malformed_body" || !strings.Contains(p.Detail, "in time") {
		t.Errorf("%d %+v, %v", answer.StatusCode, p, err)
	}
	if after := events(t, s); after != before {
		t.Errorf("%d events", after-before)
	}
}
