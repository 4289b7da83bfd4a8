package config_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/guildhall-dev/guildhall/internal/config"
)

// TestSecretDoesNotPrint tries the ways in which a password could end in a log.
func TestSecretDoesNotPrint(t *testing.T) {
	const text = "postgres://user:hunter2@host/name"
	secret := config.Secret(text)
	storage := config.Storage{Data: "here", DatabaseURL: secret}
	values := []any{secret, &secret, storage, &storage, []config.Secret{secret}, map[string]config.Secret{"k": secret}, fmt.Errorf("open %s: %w", secret, fmt.Errorf("%v", storage))}
	var shown []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10s", "%-5v", "%.3s"} {
		for _, v := range values {
			shown = append(shown, fmt.Sprintf(verb, v))
		}
	}
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
		for _, v := range values {
			slog.New(handler).Info("x", slog.Any("value", v))
		}
	}
	shown = append(shown, log.String(), secret.String(), fmt.Sprint(values...), fmt.Sprintln(storage))
	for _, v := range values[:6] {
		for _, encode := range []func(any) ([]byte, error){json.Marshal, marshalYAML} {
			encoded, err := encode(v)
			if err != nil {
				t.Errorf("encode %T: %v", v, err)
			}
			shown = append(shown, string(encoded))
		}
	}
	encoded, err := xml.Marshal(storage)
	shown = append(shown, string(encoded), fmt.Sprint(err))
	for _, s := range shown {
		if strings.Contains(s, "hunter2") || strings.Contains(strings.ToLower(s), fmt.Sprintf("%x", "hunter2")) || strings.Contains(s, "pos") {
			t.Errorf("the secret shows in %q", s)
		}
	}
	if !strings.Contains(fmt.Sprint(secret), "***") || string(secret) != text {
		t.Errorf("it prints as %v; its own text must stay", secret)
	}
	var read config.Secret
	if err := read.UnmarshalText([]byte(text)); err != nil || read != secret {
		t.Errorf("a secret cannot be read: %v", err)
	}
}

func TestComplete(t *testing.T) {
	home, data := t.TempDir(), t.TempDir()
	t.Chdir(home)
	for name, c := range map[string]struct {
		home, xdg string
		given     config.Storage
		data, key string
		fails     bool
	}{
		"nothing given":      {home, "", config.Storage{}, home + "/.local/share/guildhall", home + "/.local/share/guildhall.key", false},
		"XDG":                {home, data, config.Storage{}, data + "/guildhall", data + "/guildhall.key", false},
		"a folder":           {home, data, config.Storage{Data: "/srv/guildhall"}, "/srv/guildhall", "/srv/guildhall.key", false},
		"a slash at the end": {home, data, config.Storage{Data: "/srv/guildhall/"}, "/srv/guildhall", "/srv/guildhall.key", false},
		"a relative folder":  {home, data, config.Storage{Data: "here"}, home + "/here", home + "/here.key", false},
		"a key file":         {home, data, config.Storage{Data: "/srv/guildhall", MasterKeyFile: "/keys/k"}, "/srv/guildhall", "/keys/k", false},
		"no home":            {"", "", config.Storage{}, "", "", true},
		"no home needed":     {"", "", config.Storage{Data: "/srv/guildhall"}, "/srv/guildhall", "/srv/guildhall.key", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HOME", c.home)
			t.Setenv("XDG_DATA_HOME", c.xdg)
			got, err := c.given.Complete()
			if (err != nil) != c.fails {
				t.Fatalf("%v", err)
			}
			if c.fails {
				return
			}
			if got.Data != c.data || got.MasterKeyFile != c.key {
				t.Errorf("data %s, key %s; want %s and %s", got.Data, got.MasterKeyFile, c.data, c.key)
			}
			if strings.HasPrefix(got.MasterKeyFile, got.Data+"/") {
				t.Error("the key lies in the data directory, and so in its backup")
			}
			if again, err := got.Complete(); err != nil || again != got {
				t.Errorf("completed twice: %+v, %v", again, err)
			}
			if filepath.Dir(got.DatabaseFile()) != got.Data || !got.Embedded() {
				t.Errorf("the database is %s, embedded %t", got.DatabaseFile(), got.Embedded())
			}
		})
	}
	if (config.Storage{DatabaseURL: "postgres://x"}).Embedded() {
		t.Error("with a URL the database is said to be embedded")
	}
}

func TestCheck(t *testing.T) {
	if err := config.Defaults().Check(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for name, c := range map[string]struct {
		change func(s *config.Server)
		flag   string // the flag that is named; empty where it is fine
	}{
		"https":              {func(s *config.Server) { s.PublicURL = "https://guildhall.example.com" }, ""},
		"a port and a path":  {func(s *config.Server) { s.PublicURL = "http://localhost:8080/guildhall/" }, ""},
		"no scheme":          {func(s *config.Server) { s.PublicURL = "guildhall.example.com" }, "--public-url"},
		"another scheme":     {func(s *config.Server) { s.PublicURL = "javascript:alert(1)" }, "--public-url"},
		"no host":            {func(s *config.Server) { s.PublicURL = "https:///x" }, "--public-url"},
		"a query":            {func(s *config.Server) { s.PublicURL = "https://example.com/?a=b" }, "--public-url"},
		"a password":         {func(s *config.Server) { s.PublicURL = "https://me:secret@example.com" }, "--public-url"},
		"a fragment":         {func(s *config.Server) { s.PublicURL = "https://example.com/#x" }, "--public-url"},
		"no URL":             {func(s *config.Server) { s.PublicURL = "https://%zz" }, "--public-url"},
		"a minute":           {func(s *config.Server) { s.AccessTokenLife = time.Minute }, ""},
		"below a minute":     {func(s *config.Server) { s.AccessTokenLife = time.Minute - 1 }, "--access-token-life"},
		"a day":              {func(s *config.Server) { s.AccessTokenLife = 24 * time.Hour }, ""},
		"above a day":        {func(s *config.Server) { s.AccessTokenLife = 24*time.Hour + 1 }, "--access-token-life"},
		"one organization":   {func(s *config.Server) { s.MaxOrganizationsPerUser = 1 }, ""},
		"no organization":    {func(s *config.Server) { s.MaxOrganizationsPerUser = 0 }, "--max-organizations-per-user"},
		"no grace":           {func(s *config.Server) { s.DeletionGrace = 0 }, ""},
		"grace in the past":  {func(s *config.Server) { s.DeletionGrace = -1 }, "--deletion-grace"},
		"no time to stop":    {func(s *config.Server) { s.ShutdownTimeout = 0 }, ""},
		"a time in the past": {func(s *config.Server) { s.ShutdownTimeout = -1 }, "--shutdown-timeout"},
		"a pair":             {func(s *config.Server) { s.TLSCert, s.TLSKey = "c", "k" }, ""},
		"only a certificate": {func(s *config.Server) { s.TLSCert = "c" }, "--tls-key"},
		"only a key":         {func(s *config.Server) { s.TLSKey = "k" }, "--tls-cert"},
		"proxies":            {func(s *config.Server) { s.TrustedProxies = []string{"10.0.0.0/8", "::1", " 192.0.2.1"} }, ""},
		"a proxy by name":    {func(s *config.Server) { s.TrustedProxies = []string{"proxy.example.com"} }, "--trusted-proxies"},
		"a proxy of nobody":  {func(s *config.Server) { s.TrustedProxies = []string{""} }, "--trusted-proxies"},
		"targets":            {func(s *config.Server) { s.AllowPrivateTargets = []string{"10.20.0.0/16", "fd00::1"} }, ""},
		"every target":       {func(s *config.Server) { s.AllowPrivateTargets = []string{"::/0"} }, "--allow-private-targets"},
		"everybody":          {func(s *config.Server) { s.TrustedProxies = []string{"0.0.0.0/0"} }, "--trusted-proxies"},
		"everybody, by IPv6": {func(s *config.Server) { s.TrustedProxies = []string{"::ffff:0.0.0.0/96"} }, "--trusted-proxies"},
	} {
		s := config.Defaults()
		c.change(&s)
		err := s.Check()
		if (err == nil) != (c.flag == "") || (err != nil && !strings.Contains(err.Error(), c.flag)) {
			t.Errorf("%s: %v, want %q", name, err, c.flag)
		}
	}
	everything := config.Server{PublicURL: "x", DeletionGrace: -1, ShutdownTimeout: -1}
	for _, flag := range []string{"--public-url", "--access-token-life", "--max-organizations-per-user", "--deletion-grace", "--shutdown-timeout"} {
		if err := everything.Check(); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("of many mistakes %s is not named: %v", flag, err)
		}
	}
}

func TestProxies(t *testing.T) {
	got, err := config.Server{TrustedProxies: []string{"10.1.2.3/8", "192.0.2.1", "2001:db8::5/32", "::ffff:192.0.2.9"}}.Proxies()
	if err != nil || fmt.Sprint(got) != "[10.0.0.0/8 192.0.2.1/32 2001:db8::/32 192.0.2.9/32]" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestBaseURL(t *testing.T) {
	for _, c := range []struct{ public, address, want string }{
		{"https://guildhall.example.com", "127.0.0.1:8080", "https://guildhall.example.com"},
		{"https://guildhall.example.com/x//", "127.0.0.1:8080", "https://guildhall.example.com/x"},
		{"", "127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"HTTPS://Guild.example.com/", "127.0.0.1:8080", "https://Guild.example.com"},
		{"", "guildhall.local:80", "http://guildhall.local:80"},
		{"", "[::1]:8080", "http://[::1]:8080"},
		{"", "[::]:8080", "http://localhost:8080"},
		{"", "0.0.0.0:8080", "http://localhost:8080"},
		{"", ":8080", "http://localhost:8080"},
		{"", "10.0.0.0:8080", "http://10.0.0.0:8080"},
	} {
		s := config.Server{PublicURL: c.public}
		if got := s.BaseURL(c.address); got != c.want {
			t.Errorf("%q on %s: %s, want %s", c.public, c.address, got, c.want)
		}
		s.TLSCert = "here"
		if got := s.BaseURL(c.address); c.public == "" && got != strings.Replace(c.want, "http:", "https:", 1) {
			t.Errorf("with TLS on %s: %s", c.address, got)
		}
	}
}

func marshalYAML(v any) ([]byte, error) { return yaml.Marshal(v) }
