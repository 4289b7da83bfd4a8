package account

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// SignUpFields are what a person says of themselves when they begin. Consoles send
// it several times, more complete each time.
type SignUpFields struct {
	FirstName     string  `json:"first_name" maxLength:"128" doc:"The first name; it becomes the account's."`
	LastName      string  `json:"last_name" maxLength:"128" doc:"The last name; it becomes the account's."`
	UserEmail     string  `json:"user_email" maxLength:"254" doc:"An address to reach the person."`
	TypeOfUse     string  `json:"type_of_use" enum:"PERSONAL,SCHOOL,WORK" doc:"What for, roughly."`
	Usage         string  `json:"qovery_usage" maxLength:"2000" doc:"What for, in the person's words or as a comma-separated list."`
	CompanyName   *string `json:"company_name,omitempty" nullable:"true" maxLength:"256" doc:"The company."`
	CompanySize   *string `json:"company_size,omitempty" nullable:"true" enum:"1-10,11-50,51-200,201-500,500+" doc:"How many people work there."`
	UserRole      *string `json:"user_role,omitempty" nullable:"true" maxLength:"256" doc:"What the person does there."`
	UsageOther    *string `json:"qovery_usage_other,omitempty" nullable:"true" maxLength:"2000" doc:"More about what for."`
	UserQuestions *string `json:"user_questions,omitempty" nullable:"true" maxLength:"2000" doc:"Questions the person has."`
	CurrentStep   *string `json:"current_step,omitempty" nullable:"true" maxLength:"256" doc:"Where in the beginning the person is."`
	DxAuth        *bool   `json:"dx_auth,omitempty" nullable:"true" doc:"Kept for old consoles."`
	Hosting       *string `json:"infrastructure_hosting,omitempty" nullable:"true" maxLength:"256" doc:"Where their things run."`
}

// signUpAnswer is a sign-up record on the wire.
type signUpAnswer struct {
	ID        id.User   `json:"id" format:"uuid" doc:"The user's id."`
	CreatedAt time.Time `json:"created_at" doc:"When the record was first sent."`
	UpdatedAt time.Time `json:"updated_at" doc:"When it was last sent."`
	SignUpFields
}

// signUpRecord is the record as it is kept.
type signUpRecord struct {
	CreatedAt clock.Time   `json:"created_at"`
	UpdatedAt clock.Time   `json:"updated_at"`
	Request   SignUpFields `json:"request"`
}

// registerSignUp adds the operations of the sign-up record.
func registerSignUp(r *route.Router, h *handlers) {
	const tag, path = "User Sign Up", "/admin/userSignUp"
	route.Register(r, route.Operation{
		ID: "getUserSignUp", Method: http.MethodGet, Path: path, Tag: tag, Summary: "Get Sign up information",
		Description: "What the caller said of themselves when they began; 404 before they did.",
		Permission:  authz.AccountRead, Scope: route.AccountScope, Refusals: []fault.Code{fault.PersonRequired},
	}, h.getSignUp)
	route.Register(r, route.Operation{
		ID: "createUserSignUp", Method: http.MethodPost, Path: path, Tag: tag, Summary: "Send Sign Up request",
		Description: "Keeps the caller's answers, in place of earlier ones; the names become the account's.",
		Permission:  authz.AccountEdit, Scope: route.AccountScope, Refusals: []fault.Code{fault.PersonRequired, fault.IdempotencyReused},
	}, h.putSignUp)
}

func loadSignUp(q store.Querier, user id.User) (record signUpRecord, found bool, err error) {
	text, err := store.Value[string](q, `SELECT sign_up FROM account WHERE id = $1`, user)
	if err != nil || text == "" {
		return record, false, err
	}
	return record, true, json.Unmarshal([]byte(text), &record)
}

func (h *handlers) getSignUp(ctx context.Context, pass authz.Pass, _ *noInput) (signUpAnswer, error) {
	record, found, err := loadSignUp(h.service.db.Reader(ctx), pass.Actor().User)
	if err == nil && !found {
		err = fault.New(fault.NotFound, "There is no sign-up record yet.")
	}
	return signUpAnswer{pass.Actor().User, record.CreatedAt.Std(), record.UpdatedAt.Std(), record.Request}, err
}

type signUpInput struct{ Body SignUpFields }

func (h *handlers) putSignUp(ctx context.Context, pass authz.Pass, in *signUpInput) (route.Empty, error) {
	return route.Empty{}, h.service.signUp(ctx, pass, in.Body)
}

func (s *Service) signUp(ctx context.Context, pass authz.Pass, request SignUpFields) error {
	checks := &fault.Checks{}
	for field, name := range map[string]*string{"first_name": &request.FirstName, "last_name": &request.LastName} {
		*name = route.CheckName(checks, field, *name)
	}
	request.UserEmail = authn.CheckEmail(checks, "user_email", request.UserEmail)
	if err := checks.Err(); err != nil {
		return err
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		user := pass.Actor().User
		a, err := load(tx, user)
		if err != nil {
			return err
		}
		kept, found, err := loadSignUp(tx, user)
		if err != nil {
			return err
		}
		if !found {
			kept.CreatedAt = tx.Now()
		}
		kept.UpdatedAt, kept.Request = tx.Now(), request
		text, err := json.Marshal(kept)
		if err != nil {
			return err
		}
		before := shown(a)
		a.FirstName, a.LastName, a.UpdatedAt = request.FirstName, request.LastName, tx.Now()
		if err := setSignUp(tx, a, string(text)); err != nil {
			return err
		}
		return record(tx, pass, audit.AccountUpdate, a, before, shown(a))
	})
}
