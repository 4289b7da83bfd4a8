// Package oidctest starts providers of identities for tests: a real one, and one that
// signs whatever a test wants.
package oidctest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/oauth2"
	"golang.org/x/text/language"

	"github.com/guildhall-dev/guildhall/internal/id"
)

// The clients at the provider: Guildhall, and a program that calls its API.
const (
	ClientID     = "guildhall"
	ClientSecret = "the client's secret"
	Program      = "program"
	Password     = "the provider's own password"
)

// Provider is a real OpenID provider that runs inside the test.
type Provider struct {
	URL string
	// Down lets it answer nothing but 503.
	Down  atomic.Bool
	users *users
	store *keeper
}

// Start starts a provider.
func Start(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{users: &users{byID: map[string]*storage.User{}}}
	listener := httptest.NewUnstartedServer(nil)
	p.URL = "http://" + listener.Listener.Addr().String()
	p.store = &keeper{Storage: storage.NewStorageWithClients(p.users, map[string]*storage.Client{
		ClientID: storage.WebClient(ClientID, ClientSecret), Program: storage.NativeClient(Program),
	})}
	p.store.rotate()
	handler := exampleop.SetupServer(p.URL, p.store, slog.New(slog.DiscardHandler), false)
	listener.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.Down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		handler.ServeHTTP(w, r)
	})
	listener.Start()
	t.Cleanup(listener.Close)
	return p
}

// Serves tells the provider where Guildhall is.
func (p *Provider) Serves(publicURL string) {
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	p.store.redirects = []string{publicURL + "/sign-in/oidc/callback", program}
}

// User makes somebody at the provider, or changes them.
func (p *Provider) User(subject, email string, verified bool) { p.users.put(subject, email, verified) }

// Rotate signs with a new key from now on, and shows the old one no more.
func (p *Provider) Rotate() { p.store.rotate() }

// program is where the provider sends the program's codes; nobody listens there.
const program = "http://127.0.0.1/program"

// AccessToken signs somebody in to the program, and gives its access token, a JWT.
func (p *Provider) AccessToken(t testing.TB, subject string) string {
	t.Helper()
	config := oauth2.Config{ClientID: Program, RedirectURL: program, Scopes: []string{"openid", "email"}, Endpoint: oauth2.Endpoint{
		AuthURL: p.URL + "/auth", TokenURL: p.URL + "/oauth/token", AuthStyle: oauth2.AuthStyleInParams,
	}}
	verifier := oauth2.GenerateVerifier()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var code string
	client := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if code = r.URL.Query().Get("code"); code != "" {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	form, err := client.Get(config.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, form.Body)
	form.Body.Close()
	sent, err := client.PostForm(p.URL+"/login/username", url.Values{
		"username": {subject}, "password": {Password}, "id": {form.Request.URL.Query().Get("authRequestID")},
	})
	if err != nil {
		t.Fatal(err)
	}
	sent.Body.Close()
	token, err := config.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatalf("sign in to the program: %v", err)
	}
	if strings.Count(token.AccessToken, ".") != 2 {
		t.Fatalf("the access token is no JWT: %s", token.AccessToken)
	}
	return token.AccessToken
}

// users are the people at the provider. They sign in with their subject as their name.
type users struct {
	mu   sync.Mutex
	byID map[string]*storage.User
}

func (u *users) put(subject, email string, verified bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.byID[subject] = &storage.User{
		ID: subject, Username: subject, Password: Password, FirstName: "First", LastName: "Last",
		Email: email, EmailVerified: verified, PreferredLanguage: language.English,
	}
}

// GetUserByID finds somebody.
func (u *users) GetUserByID(subject string) *storage.User {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.byID[subject]
}

// GetUserByUsername finds somebody.
func (u *users) GetUserByUsername(name string) *storage.User { return u.GetUserByID(name) }

// ExampleClientID is the example's own.
func (u *users) ExampleClientID() string { return storage.ServiceUserID }

// keeper is the example's storage with keys that change and clients of ours.
type keeper struct {
	*storage.Storage
	mu        sync.Mutex
	key       key
	redirects []string
}

func (k *keeper) rotate() {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // crypto/rand does not fail on supported systems
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.key = key{id.New[string](), private}
}

// SigningKey is the key of the moment.
func (k *keeper) SigningKey(context.Context) (op.SigningKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.key, nil
}

// KeySet shows it, and no other.
func (k *keeper) KeySet(context.Context) ([]op.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return []op.Key{public{k.key}}, nil
}

// GetClientByClientID finds a client, which may come from where Guildhall is.
func (k *keeper) GetClientByClientID(ctx context.Context, name string) (op.Client, error) {
	found, err := k.Storage.GetClientByClientID(ctx, name)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return client{found, k.redirects}, nil
}

type client struct {
	op.Client
	redirects []string
}

// RedirectURIs are where codes may go.
func (c client) RedirectURIs() []string { return c.redirects }

// AccessTokenType makes JWTs.
func (client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }

// DevMode allows plain HTTP.
func (client) DevMode() bool { return true }

type key struct {
	name    string
	private *rsa.PrivateKey
}

// ID names the key.
func (k key) ID() string { return k.name }

// SignatureAlgorithm is what it signs with.
func (key) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }

// Key is the private key.
func (k key) Key() any { return k.private }

type public struct{ key }

// Algorithm is what the key signs with.
func (public) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }

// Use says that it signs.
func (public) Use() string { return "sig" }

// Key is the public key.
func (p public) Key() any { return &p.private.PublicKey }
