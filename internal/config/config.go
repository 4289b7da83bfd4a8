// Package config is the one set of settings: each is a flag, an environment
// variable (GUILDHALL_ and the flag's name in capitals) and a key of the
// configuration file. The command line wins over the environment, that over the file.
package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Secret is a text that does not print.
type Secret string

// String hides the secret.
func (Secret) String() string { return "***" }

// Format hides the secret from every verb of fmt.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("***")) }

// MarshalText hides the secret from every encoder.
func (Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// UnmarshalText takes the secret as it is.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(text)
	return nil
}

// Storage says where the data is. Every command that touches it takes these.
type Storage struct {
	Data          string `help:"Directory of the embedded database. Default: guildhall in the user's data directory." placeholder:"DIR"`
	DatabaseURL   Secret `help:"PostgreSQL to use in place of the embedded database: postgres://user:password@host/name." placeholder:"URL"`
	MasterKeyFile string `help:"File of the master key that seals secrets; made at the first start. Default: the data directory's name with .key behind it." placeholder:"FILE"`
}

// ForDemo fills in the defaults so that the demo keeps away from other data.
func (s Storage) ForDemo() (Storage, error) {
	if !s.Embedded() {
		return s.Complete()
	}
	return s.complete("guildhall-demo")
}

// Complete fills in the defaults.
func (s Storage) Complete() (Storage, error) { return s.complete("guildhall") }

func (s Storage) complete(directory string) (Storage, error) {
	if s.Data == "" {
		home := os.Getenv("XDG_DATA_HOME")
		if home == "" {
			user, err := os.UserHomeDir()
			if err != nil {
				return s, errors.New("there is no home directory to keep the data in: name one with --data DIR")
			}
			home = filepath.Join(user, ".local", "share")
		}
		s.Data = filepath.Join(home, directory)
	}
	var err error
	if s.Data, err = filepath.Abs(s.Data); err != nil {
		return s, err
	}
	if s.MasterKeyFile == "" {
		s.MasterKeyFile = s.Data + ".key"
	}
	return s, nil
}

// Embedded tells whether the embedded database is used.
func (s Storage) Embedded() bool { return s.DatabaseURL == "" }

// ControlSocket is where a running server takes the operator's commands.
func (s Storage) ControlSocket() string { return filepath.Join(s.Data, "control.sock") }

// DatabaseFile is the embedded database's file.
func (s Storage) DatabaseFile() string { return filepath.Join(s.Data, "guildhall.db") }

// Server is how the server behaves.
type Server struct {
	Mail         `embed:""`
	UsageReports []string `group:"Mail" help:"Usage reports that go to the admin e-mails of every organization, with a link to unsubscribe, where mail is set up: weekly (Mondays), monthly (the 1st), both, or off." placeholder:"KINDS" default:"weekly,monthly"`
	MailHeads    bool     `group:"Mail" help:"Put the signed head of an organization's record into its usage reports, so that it is noted elsewhere: guildhall audit verify --against finds with it what was cut or rolled back." default:"true" negatable:""`

	Listen                  string        `help:"Address to listen on; :8080 for all interfaces." default:"127.0.0.1:8080" placeholder:"HOST:PORT"`
	PublicURL               string        `help:"Address under which clients reach the server, for links. Default: http:// (https:// with a TLS certificate) and the listen address." placeholder:"URL"`
	TLSCert                 string        `help:"PEM file of a TLS certificate with its chain; the server then speaks https. Read anew when it changes, and on SIGHUP." placeholder:"FILE"`
	TLSKey                  string        `help:"PEM file of the TLS certificate's key." placeholder:"FILE"`
	TrustedProxies          []string      `help:"Addresses and networks (10.0.0.0/8) of proxies in front, separated by commas: only they are believed when X-Forwarded-For names a client." placeholder:"CIDR"`
	LogFormat               string        `help:"text for people, json for machines." enum:"text,json" default:"text"`
	LogLevel                string        `help:"Least important messages to log: debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`
	AccessTokenLife         time.Duration `help:"How long an access token of a person works; 1m to 24h." default:"1h"`
	Registration            string        `help:"Who may make an account by themselves: invited (whoever an invitation waits for) or open (anybody)." enum:"invited,open" default:"invited"`
	BreachedPasswordsFile   string        `help:"File of passwords that are known to attackers, which nobody may choose: in each line one, or its SHA-1, as the public lists have it. Above 256 MiB it must be hashes in their order." placeholder:"FILE"`
	AllowPrivateTargets     []string      `help:"Networks (10.20.0.0/16) that requests to addresses chosen by organizations may reach beside the public Internet, separated by commas." placeholder:"CIDR"`
	SessionLife             time.Duration `help:"How long a person stays signed in in a browser; 10m to 8760h." default:"336h"`
	MaxOrganizationsPerUser int           `help:"Organizations that one person may belong to." default:"5"`
	SupportEmail            string        `help:"Address that refusals by a limit name." placeholder:"ADDRESS"`
	DeletionGrace           time.Duration `help:"How long a deleted organization, or what was deleted in one, can be restored." default:"720h"`
	InvitationLife          time.Duration `help:"How long an invitation can be accepted." default:"168h"`
	PlansFile               string        `help:"JSON file of the plans, in place of the built-in ones." placeholder:"FILE"`
	DrainTime               time.Duration `help:"How long the server goes on answering after it was told to stop, while /readyz says no and load balancers look elsewhere." default:"0s"`
	ShutdownTimeout         time.Duration `help:"How long running requests may take when the server stops." default:"20s"`
	BackupEvery             time.Duration `help:"How often the server makes a backup by itself, 1m or more; 0 for never." default:"0s"`
	BackupKeep              int           `help:"How many of these backups are kept." default:"7"`
	Backup
	OIDC OIDC `embed:"" prefix:"oidc-"`
}

// Backup is where backups go that are made without being asked for.
type Backup struct {
	BackupDir             string `help:"Directory of the backups that the server makes. Default: backups in the data directory." placeholder:"DIR"`
	BackupBeforeMigration bool   `help:"Make a backup before the schema of a database is migrated." default:"true" negatable:""`
}

// BackupDirectory is where backups go that are made without being asked for.
func (s Storage) BackupDirectory(b Backup) string {
	if b.BackupDir != "" {
		return b.BackupDir
	}
	return filepath.Join(s.Data, "backups")
}

// Defaults are the settings without any flag.
func Defaults() Server {
	return Server{
		Listen: "127.0.0.1:8080", LogFormat: "text", LogLevel: "info", AccessTokenLife: time.Hour, SessionLife: 14 * 24 * time.Hour,
		Registration: "invited", UsageReports: []string{"weekly", "monthly"}, MailHeads: true,
		MaxOrganizationsPerUser: 5, DeletionGrace: 30 * 24 * time.Hour, InvitationLife: 7 * 24 * time.Hour, ShutdownTimeout: 20 * time.Second,
		BackupKeep: 7, Backup: Backup{BackupBeforeMigration: true},
		OIDC: OIDC{CreateAccounts: true},
	}
}

// Check tells what is wrong with the settings.
func (s Server) Check() error {
	wrong := []error{s.Mail.Check()}
	if s.PublicURL != "" {
		u, err := url.Parse(s.PublicURL)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.User != nil || u.Fragment != "" {
			wrong = append(wrong, fmt.Errorf("--public-url %q must look like https://guildhall.example.com", s.PublicURL))
		}
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		wrong = append(wrong, errors.New("--tls-cert and --tls-key go together: one of them is missing"))
	}
	for _, networks := range []func() ([]netip.Prefix, error){s.Proxies, s.PrivateTargets} {
		if _, err := networks(); err != nil {
			wrong = append(wrong, err)
		}
	}
	if s.AccessTokenLife < time.Minute || s.AccessTokenLife > 24*time.Hour {
		wrong = append(wrong, fmt.Errorf("--access-token-life %s must lie between 1m and 24h", s.AccessTokenLife))
	}
	if s.SessionLife < 10*time.Minute || s.SessionLife > 365*24*time.Hour {
		wrong = append(wrong, fmt.Errorf("--session-life %s must lie between 10m and 8760h", s.SessionLife))
	}
	if s.MaxOrganizationsPerUser < 1 {
		wrong = append(wrong, errors.New("--max-organizations-per-user must be at least 1"))
	}
	if s.InvitationLife < time.Minute {
		wrong = append(wrong, errors.New("--invitation-life must be at least 1m"))
	}
	if _, err := s.Reports(); err != nil {
		wrong = append(wrong, err)
	}
	if s.DrainTime < 0 {
		wrong = append(wrong, errors.New("--drain-time cannot be negative"))
	}
	if s.BackupEvery != 0 && s.BackupEvery < time.Minute {
		wrong = append(wrong, errors.New("--backup-every must be at least 1m, or 0 for never"))
	}
	if s.BackupKeep < 1 {
		wrong = append(wrong, errors.New("--backup-keep must be at least 1"))
	}
	if s.DeletionGrace < 0 {
		wrong = append(wrong, errors.New("--deletion-grace cannot be negative"))
	}
	if s.ShutdownTimeout < 0 {
		wrong = append(wrong, errors.New("--shutdown-timeout cannot be negative"))
	}
	return errors.Join(append(wrong, s.OIDC.check(s.PublicURL))...)
}

// TLS tells whether the server itself speaks TLS.
func (s Server) TLS() bool { return s.TLSCert != "" }

// Proxies are the networks of the trusted proxies.
func (s Server) Proxies() ([]netip.Prefix, error) {
	return networks("--trusted-proxies", "would believe everybody: name the proxies", s.TrustedProxies)
}

// PrivateTargets are the networks that requests to chosen addresses may reach beside
// the public Internet.
func (s Server) PrivateTargets() ([]netip.Prefix, error) {
	return networks("--allow-private-targets", "would allow everything: name the networks", s.AllowPrivateTargets)
}

// networks reads addresses and networks; all is what is wrong with one that is everything.
func networks(flag, all string, texts []string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range texts {
		text = strings.TrimSpace(text)
		p, err := netip.ParsePrefix(text)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(text); err == nil {
				p = netip.PrefixFrom(a.WithZone(""), a.BitLen())
			}
		}
		if a := p.Addr(); err == nil && a.Is4In6() {
			p = netip.PrefixFrom(a.Unmap(), max(p.Bits()-96, 0))
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s %q must be an address or a network like 10.0.0.0/8", flag, text)
		case p.Bits() == 0:
			return nil, fmt.Errorf("%s %q %s", flag, text, all)
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

// BaseURL is the public URL without a slash at its end, or one made of the address
// that the server listens on.
func (s Server) BaseURL(address string) string {
	if s.PublicURL != "" {
		public := s.PublicURL
		if u, err := url.Parse(public); err == nil {
			public = u.String() // with a small https, by which cookies know that they are safe
		}
		return strings.TrimRight(public, "/")
	}
	if host, port, ok := strings.Cut(address, "]:"); ok && host == "[::" {
		address = "localhost:" + port
	}
	for _, everywhere := range []string{"0.0.0.0:", ":"} {
		if port, ok := strings.CutPrefix(address, everywhere); ok {
			address = "localhost:" + port
		}
	}
	if s.TLS() {
		return "https://" + address
	}
	return "http://" + address
}
