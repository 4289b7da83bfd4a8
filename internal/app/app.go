// Package app builds everything once, and starts and stops it. The program and the
// tests both use it, so what a test sees is what runs.
package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"sync"

	"github.com/guildhall-dev/guildhall/internal/access"
	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/announcement"
	"github.com/guildhall-dev/guildhall/internal/apitoken"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/backup"
	"github.com/guildhall-dev/guildhall/internal/certificate"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/credential"
	"github.com/guildhall-dev/guildhall/internal/device"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/gittoken"
	"github.com/guildhall-dev/guildhall/internal/group"
	"github.com/guildhall-dev/guildhall/internal/history"
	"github.com/guildhall-dev/guildhall/internal/httpd"
	"github.com/guildhall-dev/guildhall/internal/invitation"
	"github.com/guildhall-dev/guildhall/internal/job"
	"github.com/guildhall-dev/guildhall/internal/mail"
	"github.com/guildhall-dev/guildhall/internal/member"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/oidc"
	"github.com/guildhall-dev/guildhall/internal/organization"
	"github.com/guildhall-dev/guildhall/internal/outbound"
	"github.com/guildhall-dev/guildhall/internal/plan"
	"github.com/guildhall-dev/guildhall/internal/project"
	"github.com/guildhall-dev/guildhall/internal/registry"
	"github.com/guildhall-dev/guildhall/internal/report"
	"github.com/guildhall-dev/guildhall/internal/role"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
	"github.com/guildhall-dev/guildhall/internal/takeout"
)

// Options are the seams for tests; the zero value is the real thing.
type Options struct {
	Clock  clock.Clock
	Hasher *authn.Hasher
	Log    *slog.Logger
	// Program names this build in the backups that it makes.
	Program string
	// AsItIs refuses a database that would have to be migrated: nodes of an older
	// version may be using it.
	AsItIs bool
}

// App is an opened Guildhall: the database and every service, not yet serving.
type App struct {
	Storage       config.Storage
	Settings      config.Server
	DB            *store.DB
	Log           *slog.Logger
	Accounts      *account.Service
	Members       *member.Service
	Organizations *organization.Service
	Projects      *project.Service
	Tokens        *apitoken.Service
	Roles         *role.Service
	Invitations   *invitation.Service
	Identities    *oidc.Service
	Devices       *device.Service
	Jobs          *job.Queue
	Mail          *mail.Outbox
	Backups       *backup.Schedule
	Reports       *report.Service
	Announcements *announcement.Service
	TakeOut       *takeout.Service
	History       *history.Service
	Credentials   *credential.Service
	Registries    *registry.Service
	GitTokens     *gittoken.Service
	Groups        *group.Service
	Authenticator *authn.Authenticator
	Authorizer    *authz.Authorizer
	// Outbound is for requests to addresses that organizations choose.
	Outbound *outbound.Policy
	// KeyCreated is the path of the master key, where this start made it.
	KeyCreated string
	// BackupMade is the path of the backup that this start made before a migration.
	BackupMade string

	ring        *seal.Ring
	keys        store.Keys
	rotating    sync.Mutex
	plans       *plan.Catalogue
	signer      *authn.Signer
	heads       *audit.Signer
	resolver    *object.Resolver
	lock        *os.File
	proxies     []netip.Prefix
	certificate *certificate.Keeper // nil where somebody else does TLS
	passwords   authn.Passwords
}

// Open opens and migrates the database and builds the services.
func Open(ctx context.Context, storage config.Storage, settings config.Server, o Options) (*App, error) {
	storage, err := storage.Complete()
	if err != nil {
		return nil, err
	}
	if err := settings.Check(); err != nil {
		return nil, err
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Hasher == nil {
		o.Hasher = authn.NewHasher()
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	a := &App{Storage: storage, Settings: settings, Log: o.Log}
	if a.plans, err = plan.Load(settings.PlansFile); err != nil {
		return nil, err
	}
	if a.proxies, err = settings.Proxies(); err != nil {
		return nil, err
	}
	targets, err := settings.PrivateTargets()
	if err != nil {
		return nil, err
	}
	a.Outbound = outbound.NewPolicy(targets)
	if settings.TLS() {
		if a.certificate, err = certificate.Open(settings.TLSCert, settings.TLSKey, o.Clock); err != nil {
			return nil, err
		}
	}
	if settings.BreachedPasswordsFile != "" {
		if a.passwords.Breached, err = authn.OpenBreached(settings.BreachedPasswordsFile); err != nil {
			return nil, fmt.Errorf("--breached-passwords-file: %w", err)
		}
	}
	if err := a.open(ctx, o); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	a.build(o)
	if err := a.signer.Ensure(ctx, authz.System("signing key")); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	if err := a.issuer(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) open(ctx context.Context, o Options) error {
	if err := a.openDatabase(ctx, o.Clock); err != nil {
		return err
	}
	if err := a.migrate(ctx, o); err != nil {
		return err
	}
	return a.bindKey(ctx)
}

func (a *App) openDatabase(ctx context.Context, c clock.Clock) error {
	o := store.Options{URL: string(a.Storage.DatabaseURL), Clock: c, Log: a.Log}
	if a.Storage.Embedded() {
		if err := os.MkdirAll(a.Storage.Data, 0o700); err != nil {
			return fmt.Errorf("make the data directory: %w", err)
		}
		var err error
		if a.lock, err = lockDirectory(a.Storage.Data); err != nil {
			return err
		}
		o.Path = a.Storage.DatabaseFile()
		if err := private(o.Path); err != nil {
			return err
		}
	}
	var err error
	if a.DB, err = store.Open(ctx, o); err != nil {
		a.DB = nil
	}
	return err
}

// bindKey loads the master key, or makes it for a database that has none yet; a
// database that was sealed with another key is refused.
func (a *App) bindKey(ctx context.Context) error {
	file := a.Storage.MasterKeyFile
	bound, err := seal.Bound(a.DB.Reader(ctx))
	if err != nil {
		return err
	}
	if seal.Interrupted(file, bound) {
		if _, err := seal.SettleFiles(file, bound); err != nil {
			a.Log.Warn("the new master key's file could not be put into its place", slog.Any("error", err))
		} else {
			a.Log.Info("a rotation of the master key that was cut off is finished", slog.String("file", file))
		}
	}
	master, err := seal.Find(file, bound)
	if errors.Is(err, fs.ErrNotExist) {
		if bound != "" {
			return fault.New(fault.MasterKeyMismatch, "The master key file %s is missing, and this database was sealed with a key (fingerprint %s). Put the key back, or name it with --master-key-file.",
				file, bound)
		}
		var created bool
		if master, created, err = seal.LoadOrCreateMaster(file); created {
			a.KeyCreated = file
		}
	}
	if err != nil {
		return err
	}
	a.ring = seal.NewRing(master, file)
	if err := store.Do(ctx, a.DB, authz.System("bind the master key"), func(tx *store.Tx) error { return seal.Bind(tx, master) }); err != nil {
		return err
	}
	if a.keys, err = seal.StoreKeys(a.DB.Reader(ctx), a.ring); err != nil {
		return err
	}
	a.DB.UseKeys(a.keys)
	key, err := seal.HeadKey(a.DB.Reader(ctx), a.ring)
	if err != nil {
		return err
	}
	a.heads, err = audit.NewSigner(key)
	return err
}

func (a *App) build(o Options) {
	keeper := a.ring.Keeper()
	a.signer = authn.NewSigner(a.DB, keeper, a.Settings.AccessTokenLife)
	a.Authenticator = authn.NewAuthenticator(a.DB, a.signer)
	a.Authorizer = authz.New(a.DB, organization.Beside)
	a.resolver = object.NewResolver(a.DB)
	a.Jobs = job.New(a.DB, authz.System("job queue"), a.Log)
	a.Mail = mail.New(a.DB, a.Jobs, keeper, authz.System("letters"), a.Log, a.mailSettings())
	a.Accounts = account.NewService(a.DB, o.Clock, o.Hasher, a.signer, a.Settings.SessionLife)
	a.Accounts.Demand(a.passwords)
	a.Accounts.Recognise(a.keys.HeadMAC)
	a.Members = member.NewService(a.DB, a.Mail)
	a.Tokens = apitoken.NewService(a.DB)
	a.Projects = project.NewService(a.DB)
	a.Organizations = organization.NewService(a.DB, a.Jobs, a.plans, a.Members, a.Mail, organization.Settings{
		MaxPerUser: a.Settings.MaxOrganizationsPerUser, SupportEmail: a.Settings.SupportEmail, Grace: a.Settings.DeletionGrace,
	})
	a.Roles = role.NewService(a.DB)
	a.Invitations = invitation.NewService(a.DB, o.Clock, a.Organizations, a.Members, a.Mail, a.Settings.InvitationLife)
	a.Members.Connect(a.Organizations, a.Invitations)
	a.identities(o.Clock)
	a.Devices = device.NewService(a.DB, o.Clock, a.Accounts, a.Mail)
	a.Reports = report.NewService(a.DB, a.Jobs, keeper, a.Mail, a.Organizations, a.Log, a.reportKinds(), a.mailedHeads())
	a.Accounts.Connect(account.Neighbours{
		Mail: a.Mail, Jobs: a.Jobs, Invitations: a.Invitations, Organizations: a.Organizations,
		Leavers: []account.Leaver{a.Tokens, a.Members, a.Identities, a.Devices}, Keepers: []account.Keeper{a.Invitations, a.Organizations, a.Reports},
	}, account.Registration(a.Settings.Registration))
	a.Backups = a.schedule(o.Program)
	a.Announcements = announcement.NewService(a.DB, a.Jobs, a.Mail, a.Organizations)
	a.TakeOut = takeout.NewService(a.DB, o.Clock)
	a.Credentials = credential.NewService(a.DB, keeper)
	a.Registries = registry.NewService(a.DB, keeper)
	a.GitTokens = gittoken.NewService(a.DB, keeper)
	a.Groups = group.NewService(a.DB)
	a.History = a.history()
	a.Organizations.PurgeAlso(a.Tokens, a.Invitations, a.Roles, a.Members, a.Reports, keeper)
}

// publicURLSetting remembers the server's address, so that tokens made by a command
// beside it name the same issuer.
const publicURLSetting = "public_url"

func (a *App) issuer(ctx context.Context) error {
	url, err := a.publicURL(ctx)
	a.signer.SetIssuer(url)
	a.Mail.SetPublicURL(url)
	return err
}

// serverAt builds what answers requests, for a public URL.
func (a *App) serverAt(publicURL string) *httpd.Server {
	a.Mail.SetPublicURL(publicURL)
	questions := access.NewService(a.DB, a.resolver.Find, access.Past{Retention: a.Organizations.Retention, Role: role.Recall})
	return httpd.New(httpd.Services{
		DB: a.DB, Accounts: a.Accounts, Organizations: a.Organizations, Projects: a.Projects, Tokens: a.Tokens,
		Members: a.Members, Roles: a.Roles, Invitations: a.Invitations, Identities: a.Identities, Devices: a.Devices, Reports: a.Reports, TakeOut: a.TakeOut,
		Access:      questions,
		History:     a.History,
		Credentials: a.Credentials, Registries: a.Registries, GitTokens: a.GitTokens, Groups: a.Groups,
		Retention: a.Organizations.Retention, Heads: a.heads, Fit: a.fit, Notice: a.notice,
		Collectors: append(a.Backups.Collectors(), a.Mail.Metrics()),
	}, route.Deps{Authenticator: a.Authenticator, Authorizer: a.Authorizer, Resolve: a.resolver.Resolve, Foresee: questions.Foresee}, a.Log, publicURL,
		httpd.Edge{TrustedProxies: a.proxies, TLS: a.certificate != nil})
}

// Server builds what answers requests without listening, for tests.
func (a *App) Server(publicURL string) *httpd.Server { return a.serverAt(publicURL) }

// HeadMAC is the key that signs the heads of the chains.
func (a *App) HeadMAC() []byte { return a.keys.HeadMAC }

// Close ends the work in the background and closes the database.
func (a *App) Close() error {
	var errs []error
	if a.Jobs != nil {
		a.Jobs.Stop()
	}
	if a.DB != nil {
		if a.Authenticator != nil {
			errs = append(errs, a.Authenticator.FlushUsage(context.Background(), authz.System("last use of tokens")))
		}
		errs = append(errs, a.DB.Close())
	}
	errs = append(errs, a.passwords.Breached.Close())
	if a.lock != nil {
		errs = append(errs, a.lock.Close()) // the lock goes with the file
	}
	return errors.Join(errs...)
}

// ReloadCertificate reads the TLS certificate's files again.
func (a *App) ReloadCertificate() error { return a.certificate.Reload() }
