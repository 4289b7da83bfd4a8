// Package fault is the error vocabulary of Guildhall: every refusal that a
// caller may see has a stable code, a status and safe words of its own; the
// cause, which may hold internals, stays behind Unwrap and goes to the log only.
package fault

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Code names a refusal. Codes are part of the public contract: they are added,
// never renamed. The table below is the whole catalogue.
type Code string

// The catalogue of refusals.
const (
	Invalid            Code = "invalid_request"
	Malformed          Code = "malformed_body"
	TooLarge           Code = "body_too_large"
	UnsupportedMedia   Code = "unsupported_media_type"
	Unauthenticated    Code = "unauthenticated"
	BadCredentials     Code = "bad_credentials"
	Forbidden          Code = "permission_missing"
	PersonRequired     Code = "person_required"
	RightsChanged      Code = "rights_changed"
	CannotGrant        Code = "cannot_grant"
	LimitReached       Code = "limit_reached"
	CrossOrigin        Code = "cross_origin"
	SetupClosed        Code = "setup_closed"
	LinkInvalid        Code = "link_invalid"
	RegistrationClosed Code = "registration_closed"
	MailDisabled       Code = "mail_disabled"
	NotFound           Code = "not_found"
	MethodNotAllowed   Code = "method_not_allowed"
	NameTaken          Code = "name_taken"
	EmailTaken         Code = "email_taken"
	AlreadyInvited     Code = "already_invited"
	RoleInUse          Code = "role_in_use"
	NotRestorable      Code = "not_restorable"
	InUse              Code = "in_use"
	IdentityTaken      Code = "identity_taken"
	LastWayIn          Code = "last_way_in"
	SignInRefused      Code = "sign_in_refused"
	InvitationExpired  Code = "invitation_expired"
	WrongAccount       Code = "wrong_account"
	IdempotencyReused  Code = "idempotency_key_reused"
	NoDryRun           Code = "no_dry_run"
	PreconditionFailed Code = "precondition_failed"
	TooManyRequests    Code = "too_many_requests"
	NotImplemented     Code = "not_implemented"
	Unavailable        Code = "unavailable"
	OutcomeUnknown     Code = "outcome_unknown"
	Timeout            Code = "timeout"
	Internal           Code = "internal"
	SchemaTooNew       Code = "schema_too_new"
	MasterKeyMismatch  Code = "master_key_mismatch"
	DataDirectoryInUse Code = "data_directory_in_use"
	DemoRefused        Code = "demo_refused"
)

// Entry is what the catalogue says of a code.
type Entry struct {
	Status  int    // the HTTP status
	Title   string // the short name in the body's "error"
	Message string // the sentence used where the refusal brings none
}

var catalogue = map[Code]Entry{
	Invalid:            {400, "Bad Request", "The request is not valid."},
	Malformed:          {400, "Bad Request", "The body is not the JSON that this operation takes."},
	TooLarge:           {413, "Content Too Large", "The body is larger than this operation takes."},
	UnsupportedMedia:   {415, "Unsupported Media Type", "Send the body as application/json."},
	Unauthenticated:    {401, "Unauthorized", "The access token is missing, unknown, expired or revoked."},
	BadCredentials:     {401, "Unauthorized", "The e-mail address or the password is wrong."},
	Forbidden:          {403, "Forbidden", "You do not have the permission that this needs."},
	PersonRequired:     {403, "Forbidden", "Only a signed-in person can do this; an API token cannot."},
	RightsChanged:      {403, "Forbidden", "Your rights changed at this moment; nothing was done. Try again."},
	CannotGrant:        {403, "Forbidden", "You cannot grant rights that you do not have yourself."},
	LimitReached:       {403, "Forbidden", "A limit is reached."},
	CrossOrigin:        {403, "Forbidden", "A page of another site sent this request; open the page of this server."},
	SetupClosed:        {404, "Not Found", "This setup link is not valid any more."},
	LinkInvalid:        {404, "Not Found", "This link is unknown, was used, or has expired; ask for a new one."},
	RegistrationClosed: {403, "Forbidden", "Accounts of this server are made by invitation."},
	MailDisabled:       {403, "Forbidden", "This server sends no mail; ask its operator."},
	NotFound:           {404, "Not Found", "There is no such thing, or you cannot see it."},
	MethodNotAllowed:   {405, "Method Not Allowed", "This address does not take this method."},
	NameTaken:          {409, "Conflict", "The name is already taken."},
	EmailTaken:         {409, "Conflict", "There is an account with this e-mail address already."},
	AlreadyInvited:     {409, "Conflict", "This person is a member or invited already."},
	RoleInUse:          {409, "Conflict", "The role is in use."},
	NotRestorable:      {409, "Conflict", "This cannot be brought back as things are now."},
	InUse:              {409, "Conflict", "It is in use."},
	IdentityTaken:      {409, "Conflict", "This identity belongs to another account."},
	LastWayIn:          {409, "Conflict", "This is your only way to sign in."},
	SignInRefused:      {403, "Forbidden", "The sign-in by the provider of identities was refused."},
	InvitationExpired:  {400, "Bad Request", "The invitation has expired; ask for a new one."},
	WrongAccount:       {403, "Forbidden", "The invitation is for another e-mail address."},
	IdempotencyReused:  {409, "Conflict", "This Idempotency-Key was used for another request; use a new key."},
	NoDryRun:           {501, "Not Implemented", "This operation has no dry run; nothing was done."},
	PreconditionFailed: {412, "Precondition Failed", "It has changed since you read it; nothing was done. Read it again, then repeat your change."},
	TooManyRequests:    {429, "Too Many Requests", "Too many attempts; wait a little and try again."},
	NotImplemented:     {501, "Not Implemented", "Guildhall does not serve this operation yet."},
	Unavailable:        {503, "Service Unavailable", "The service cannot answer right now; try again."},
	OutcomeUnknown:     {503, "Service Unavailable", "The connection to the database was lost while saving; the change may or may not be there. Look before you repeat it, or repeat it with the same Idempotency-Key."},
	Timeout:            {503, "Service Unavailable", "The request took too long and was given up; nothing was changed."},
	Internal:           {500, "Internal Server Error", "Something went wrong on our side. Please report it with the request id."},
	SchemaTooNew:       {500, "Internal Server Error", "The database was written by a newer Guildhall."},
	MasterKeyMismatch:  {500, "Internal Server Error", "The master key is not the one that sealed this database."},
	DemoRefused:        {500, "Internal Server Error", "The demo needs a database without accounts."},
	DataDirectoryInUse: {500, "Internal Server Error", "Another Guildhall uses this data directory."},
}

// Catalogue lists every code in alphabetical order.
func Catalogue() []Code { return slices.Sorted(maps.Keys(catalogue)) }

// Lookup gives the catalogue's entry of a code; an unknown code reads as Internal.
func Lookup(code Code) Entry {
	if e, ok := catalogue[code]; ok {
		return e
	}
	return catalogue[Internal]
}

// Field is one thing that is wrong with a request.
type Field struct {
	Field   string `json:"field" doc:"The field, parameter or header that is wrong."`
	Message string `json:"message" doc:"What is wrong with it, in a sentence."`
}

// Error is a refusal. Its Code decides the status; Detail is safe to show.
type Error struct {
	Code       Code
	Detail     string
	Fields     []Field
	Permission string // the missing permission, for Forbidden
	// Explanation is the path that explains a refusal by a missing permission.
	Explanation string
	RetryAfter  int // seconds, for TooManyRequests and Unavailable
	cause       error
}

// New makes a refusal; the sentence is formatted, an empty one means the catalogue's.
func New(code Code, format string, args ...any) *Error {
	detail := Lookup(code).Message
	if format != "" {
		detail = fmt.Sprintf(format, args...)
	}
	return &Error{Code: code, Detail: detail}
}

// Because keeps the cause for the log; the caller never sees it.
func (e *Error) Because(cause error) *Error {
	e.cause = cause
	return e
}

// Status is the HTTP status of the refusal.
func (e *Error) Status() int { return Lookup(e.Code).Status }

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Code))
	b.WriteString(": ")
	b.WriteString(e.Detail)
	for _, f := range e.Fields {
		fmt.Fprintf(&b, "; %s: %s", f.Field, f.Message)
	}
	if e.cause != nil {
		b.WriteString(": ")
		b.WriteString(e.cause.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is(err, fault.New(code, "")) compare codes.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code
}

// Has tells whether err is, or wraps, a refusal with this code.
func Has(err error, code Code) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// From finds the refusal in err; anything else becomes Internal with err as its cause.
func From(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return New(Internal, "").Because(err)
}

// Checks gathers what is wrong with a request, so that the caller hears of all
// of it at once.
type Checks struct{ fields []Field }

// Add notes that a field is wrong.
func (c *Checks) Add(field, format string, args ...any) {
	c.fields = append(c.fields, Field{Field: field, Message: fmt.Sprintf(format, args...)})
}

// Err is nil when nothing was noted.
func (c *Checks) Err() error {
	if len(c.fields) == 0 {
		return nil
	}
	e := New(Invalid, "%s: %s", c.fields[0].Field, c.fields[0].Message)
	if len(c.fields) > 1 {
		e.Detail = fmt.Sprintf("%s (and %d more)", e.Detail, len(c.fields)-1)
	}
	e.Fields = c.fields
	return e
}
