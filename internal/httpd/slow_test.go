package httpd_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/route"
)

// TestSlowBody: who announces a body and does not send it is answered and let go,
// and holds up nobody meanwhile.
func TestSlowBody(t *testing.T) {
	if testing.Short() {
		t.Skip("the server gives a body five seconds")
	}
	t.Parallel()
	s := start(t)
	jane := s.Person(t, "jane@example.com")
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	before := events(t, s)
	fmt.Fprintf(conn, "POST /organization HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"name\":", jane.Credential)
	jane.Get(t, "/organization").Must(t, 200)
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
