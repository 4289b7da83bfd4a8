package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"unicode/utf8"
)

// OIDC says which provider of identities is trusted, and what for.
type OIDC struct {
	Issuer         string `help:"Address of the provider of identities (OpenID Connect) that is trusted." placeholder:"URL"`
	Audience       string `help:"Audience of the provider's JWTs that are taken as access tokens of the API; none are without it." placeholder:"TEXT"`
	ClientID       string `help:"Our client id at the provider; with it people sign in through the provider. The redirect URI there is PUBLIC-URL/sign-in/oidc/callback." placeholder:"TEXT"`
	ClientSecret   Secret `help:"Our client secret at the provider; a public client has none." placeholder:"TEXT"`
	Name           string `help:"How people call the provider. Default: the host of its address." placeholder:"TEXT"`
	CreateAccounts bool   `help:"Make an account for everybody the provider vouches for, their e-mail address proved. Without it only for those whom an invitation waits for." default:"true" negatable:""`
}

func (o OIDC) check(publicURL string) error {
	if o.Issuer == "" {
		if o.Audience+o.ClientID+string(o.ClientSecret)+o.Name != "" {
			return errors.New("the settings --oidc-… need --oidc-issuer")
		}
		return nil
	}
	var wrong []error
	u, err := url.Parse(o.Issuer)
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || (u.Scheme != "https" && (u.Scheme != "http" || !onThisMachine(u.Hostname()))):
		wrong = append(wrong, fmt.Errorf("--oidc-issuer %q must look like https://login.example.com (http only on this machine)", o.Issuer))
	case publicURL != "" && strings.TrimRight(publicURL, "/") == strings.TrimRight(o.Issuer, "/"):
		wrong = append(wrong, errors.New("--oidc-issuer cannot be this server itself"))
	}
	if o.Audience == "" && o.ClientID == "" {
		wrong = append(wrong, errors.New("--oidc-issuer needs --oidc-client-id (to sign in) or --oidc-audience (for calls of the API)"))
	}
	if o.ClientSecret != "" && o.ClientID == "" {
		wrong = append(wrong, errors.New("--oidc-client-secret needs --oidc-client-id"))
	}
	if utf8.RuneCountInString(o.Name) > 64 {
		wrong = append(wrong, errors.New("--oidc-name must have at most 64 characters"))
	}
	return errors.Join(wrong...)
}

func onThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// Label is how people call the provider.
func (o OIDC) Label() string {
	if u, err := url.Parse(o.Issuer); err == nil && o.Name == "" {
		return u.Host
	}
	return o.Name
}
