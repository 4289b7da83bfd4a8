package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/config"
)

func TestCheckOIDC(t *testing.T) {
	good := config.OIDC{Issuer: "https://login.example.com/tenant", ClientID: "guildhall", ClientSecret: "hunter2", Audience: "api", CreateAccounts: true}
	for name, c := range map[string]struct {
		change func(o *config.OIDC)
		flag   string // the flag that is named; empty where it is fine
	}{
		"everything":             {func(*config.OIDC) {}, ""},
		"tokens only":            {func(o *config.OIDC) { o.ClientID, o.ClientSecret = "", "" }, ""},
		"a public client":        {func(o *config.OIDC) { o.ClientSecret, o.Audience = "", "" }, ""},
		"on this machine":        {func(o *config.OIDC) { o.Issuer = "http://localhost:9998" }, ""},
		"on this machine, IPv6":  {func(o *config.OIDC) { o.Issuer = "http://[::1]:9998" }, ""},
		"nothing":                {func(o *config.OIDC) { *o = config.OIDC{} }, ""},
		"no provider":            {func(o *config.OIDC) { o.Issuer = "" }, "--oidc-issuer"},
		"plain HTTP":             {func(o *config.OIDC) { o.Issuer = "http://login.example.com" }, "--oidc-issuer"},
		"another scheme":         {func(o *config.OIDC) { o.Issuer = "file:///etc" }, "--oidc-issuer"},
		"a query":                {func(o *config.OIDC) { o.Issuer += "?a=b" }, "--oidc-issuer"},
		"a password":             {func(o *config.OIDC) { o.Issuer = "https://a:b@login.example.com" }, "--oidc-issuer"},
		"ourselves":              {func(o *config.OIDC) { o.Issuer = "https://guildhall.example.com/" }, "--oidc-issuer"},
		"for nothing":            {func(o *config.OIDC) { o.ClientID, o.ClientSecret, o.Audience = "", "", "" }, "--oidc-client-id"},
		"a secret without an id": {func(o *config.OIDC) { o.ClientID = "" }, "--oidc-client-secret"},
		"a long name":            {func(o *config.OIDC) { o.Name = strings.Repeat("x", 65) }, "--oidc-name"},
	} {
		s := config.Defaults()
		s.PublicURL, s.OIDC = "https://guildhall.example.com", good
		c.change(&s.OIDC)
		err := s.Check()
		if (err == nil) != (c.flag == "") || (err != nil && !strings.Contains(err.Error(), c.flag)) {
			t.Errorf("%s: %v, want %q", name, err, c.flag)
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v %v", s, s, s, err), "hunter2") {
			t.Errorf("%s: the secret shows", name)
		}
	}
	if name := good.Label(); name != "login.example.com" {
		t.Errorf("the provider is called %q", name)
	}
	good.Name = "Acme Login"
	if name := good.Label(); name != "Acme Login" {
		t.Errorf("the provider is called %q", name)
	}
}
