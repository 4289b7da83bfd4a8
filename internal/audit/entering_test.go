package audit_test

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/oidc/oidctest"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// outside is what the ways to sign in need beside a password.
type outside struct {
	forger       *oidctest.Forger
	key          oidctest.Key
	cookie, code string // Jane's browser, and the code of a program
	refresh      string
}

func newOutside(t *testing.T) *outside {
	t.Helper()
	o := &outside{forger: oidctest.NewForger(t), key: oidctest.NewKey("k1")}
	o.forger.Show(o.key)
	return o
}

// trusting lets the application take the provider's tokens.
func (o *outside) trusting() apptest.Options {
	return apptest.Options{Settings: func(c *config.Server) { c.OIDC.Issuer, c.OIDC.Audience = o.forger.URL, "api" }}
}

// program sends a form, as programs and browsers do.
func (w *world) program(agent string) *apptest.Caller {
	return with(w.s.Anonymous(), agent).With("Content-Type", "application/x-www-form-urlencoded")
}

// trade sends a form to the token endpoint.
func (w *world) trade(t *testing.T, status int, values url.Values) *apptest.Response {
	t.Helper()
	values.Set("client_id", "cli")
	r := w.program(cli).Post(t, "/oauth/token", values.Encode()).Must(t, status)
	for _, name := range []string{"access_token", "refresh_token"} {
		if text := r.Text(name); text != "" {
			w.secrets = append(w.secrets, text)
		}
	}
	return r
}

// self is a change that Jane makes of her own account.
func (w *world) self(agent, origin string) change {
	return change{stream: store.Server, actor: person(w.jane), client: client(agent, origin), target: reference(w.jane)}
}

// identity is Jane's identity as the API shows it.
func (w *world) identity(t *testing.T) (id string, text []byte) {
	t.Helper()
	list := w.jane.Get(t, "/account/identities").Must(t, 200)
	text, err := json.Marshal(list.Value("results.0"))
	if err != nil {
		t.Fatal(err)
	}
	return list.Text("results.0.id"), text
}

// entering are the changes of how people and their programs get in.
var entering = []step{
	{audit.IdentityLink, func(t *testing.T, w *world) change {
		token := w.outside.key.Sign(t, map[string]any{
			"iss": w.outside.forger.URL, "aud": "api", "sub": "jane", "email": w.jane.Email, "email_verified": true, "exp": w.s.Clock.Now().Unix() + 60,
		})
		w.secrets = append(w.secrets, token)
		theirs := *w.jane
		theirs.Credential = token
		with(&theirs, cli).Get(t, "/account").Must(t, 200)
		c := w.self(cli, "CLI")
		_, c.after = w.identity(t)
		return c
	}},
	{audit.IdentityUnlink, func(t *testing.T, w *world) change {
		c := w.self(cli, "CLI")
		var identity string
		identity, c.before = w.identity(t)
		with(w.jane, cli).Delete(t, "/account/identities/"+identity).Must(t, 204)
		return c
	}},
	{audit.DeviceApprove, func(t *testing.T, w *world) change {
		w.program(browser).With("Cookie", w.outside.cookie).Post(t, "/device/approve", "user_code="+w.outside.code).Must(t, 200)
		c := w.self(browser, "API")
		c.after = document(t, map[string]any{"client": "cli", "address": address, "user_agent": cli})
		return c
	}},
	{audit.RefreshReuse, func(t *testing.T, w *world) change {
		w.trade(t, 400, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {w.outside.refresh}})
		return w.self(cli, "CLI")
	}},
}

// ready prepares them.
func (o *outside) ready(t *testing.T, w *world, action audit.Action) {
	t.Helper()
	const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"
	switch action {
	case audit.DeviceApprove:
		sent := w.program(browser).Post(t, "/sign-in", url.Values{"email": {w.jane.Email}, "password": {apptest.Password}}.Encode()).Must(t, 303)
		o.cookie = sent.Header.Get("Set-Cookie")
		codes := w.program(cli).Post(t, "/oauth/device/code", "client_id=cli").Must(t, 200)
		o.code, o.refresh = codes.Text("user_code"), codes.Text("device_code")
		w.secrets = append(w.secrets, o.code, o.refresh)
	case audit.RefreshReuse:
		first := w.trade(t, 200, url.Values{"grant_type": {deviceGrant}, "device_code": {o.refresh}})
		o.refresh = first.Text("refresh_token")
		w.trade(t, 200, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {o.refresh}})
	}
}
