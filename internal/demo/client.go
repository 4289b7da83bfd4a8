package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
)

// world is the application that the demo is written into, in a time of its own.
type world struct {
	app      *app.App
	clock    *clock.Manual
	api      http.Handler
	password string
	people   map[string]*person // by address
}

// person is somebody of the demo, who does what they do through the API.
type person struct {
	world *world
	email string
	// credential is an access token, or an API token's secret.
	credential string
	agent      string
	address    string
}

// person makes an account.
func (w *world) person(ctx context.Context, email, first, last string) (*person, error) {
	if _, err := w.app.Accounts.Create(ctx, authz.System("demo"), email, w.password); err != nil {
		return nil, err
	}
	p := &person{world: w, email: email, agent: agents[len(w.people)%len(agents)], address: fmt.Sprintf("203.0.113.%d", 10+len(w.people))}
	w.people[email] = p
	if err := p.comeIn(ctx); err != nil {
		return nil, err
	}
	return p, p.do(ctx, http.MethodPost, "/admin/userSignUp", object{
		"first_name": first, "last_name": last, "user_email": email, "type_of_use": "WORK", "qovery_usage": "Demo",
	}, nil)
}

// agents are what the clients of the demo call themselves.
var agents = []string{
	"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15",
	"CLI/1.4.0", "Terraform provider/0.50.0",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
}

// comeIn renews the person's access token, which lasts an hour of the demo's time.
func (p *person) comeIn(ctx context.Context) error {
	found, err := p.world.app.Accounts.Find(ctx, p.email)
	if err != nil {
		return err
	}
	access, err := p.world.app.Accounts.Access(found, "")
	p.credential = access.Token
	return err
}

// signIn signs the person in with their password, as a browser would.
func (p *person) signIn(ctx context.Context) error {
	anonymous := *p
	anonymous.credential = ""
	return anonymous.do(ctx, http.MethodPost, "/auth/sign-in", object{"email": p.email, "password": p.world.password}, nil)
}

type object map[string]any

// do sends a request through the same door as everybody's and reads the answer into out.
func (p *person) do(ctx context.Context, method, path string, body, out any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", p.agent)
	req.RemoteAddr = p.address + ":40000"
	if p.credential != "" {
		req.Header.Set("Authorization", "Bearer "+p.credential)
	}
	answer := &answer{header: http.Header{}}
	p.world.api.ServeHTTP(answer, req)
	if answer.status >= http.StatusBadRequest {
		return &refused{method, path, answer.status, strings.TrimSpace(answer.body.String())}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.body.Bytes(), out)
}

// refused is a request of the demo's that the server does not like.
type refused struct {
	method, path string
	status       int
	body         string
}

func (r *refused) Error() string {
	return fmt.Sprintf("demo: %s %s: %d %s", r.method, r.path, r.status, r.body)
}

// create sends a request and gives the id in the answer.
func (p *person) create(ctx context.Context, path string, body object) (string, error) {
	var made struct {
		ID string `json:"id"`
	}
	if err := p.do(ctx, http.MethodPost, path, body, &made); err != nil {
		return "", err
	}
	if made.ID == "" {
		return "", errors.New("demo: " + path + " answers no id")
	}
	return made.ID, nil
}

// answer takes what a handler writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}
