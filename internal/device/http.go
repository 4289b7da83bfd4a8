package device

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// maxForm bounds the body of a request.
const maxForm = 16 << 10

// deviceGrantType is how a program names a device code that it trades.
const deviceGrantType = "urn:ietf:params:oauth:grant-type:device_code"

// codeAnswer is the answer to a program that wants to be signed in (RFC 8628, 3.2).
type codeAnswer struct {
	DeviceCode              string `json:"device_code" doc:"What the program trades for tokens, once the person has approved."`
	UserCode                string `json:"user_code" doc:"What the person types on the page."`
	VerificationURI         string `json:"verification_uri" doc:"The page that the person opens in any browser."`
	VerificationURIComplete string `json:"verification_uri_complete" doc:"The same page with the code typed already."`
	ExpiresIn               int64  `json:"expires_in" doc:"Seconds until the codes expire."`
	Interval                int64  `json:"interval" doc:"Seconds between two questions of the program."`
}

// tokenAnswer are the tokens that a program gets (RFC 6749, 5.1).
type tokenAnswer struct {
	AccessToken  string `json:"access_token" doc:"A signed JWT; send it as 'Authorization: Bearer …'."`
	TokenType    string `json:"token_type" doc:"Always Bearer."`
	ExpiresIn    int64  `json:"expires_in" doc:"Seconds until the access token expires."`
	RefreshToken string `json:"refresh_token" doc:"Trade it for the next tokens, once. Shown a second time it ends the session."`
}

// oauthError is a refusal in the words of the standard (RFC 6749, 5.2).
type oauthError struct {
	Error       problem `json:"error" doc:"The name of the refusal in RFC 6749 or RFC 8628."`
	Description string  `json:"error_description" doc:"The same in a sentence."`
}

var descriptions = map[problem]string{
	invalidRequest:       "Send a form with each parameter once: client_id, and what the grant type needs.",
	invalidClient:        "Programs are public clients: send client_id and no secret.",
	invalidGrant:         "The code or token is unknown, was used, or belongs to another client or to a session that has ended.",
	unsupportedGrant:     "The grant types are " + deviceGrantType + " and refresh_token.",
	authorizationPending: "The person has not answered yet; ask again after the interval.",
	slowDown:             "You ask too often; wait five seconds longer between two questions.",
	accessDenied:         "The person said no.",
	expiredToken:         "The code has expired; begin again.",
}

// metadata describes this server to programs (RFC 8414).
type metadata struct {
	Issuer           string   `json:"issuer" doc:"The issuer of our access tokens."`
	TokenEndpoint    string   `json:"token_endpoint" doc:"Where codes and refresh tokens are traded for tokens."`
	DeviceEndpoint   string   `json:"device_authorization_endpoint" doc:"Where a program without a browser begins."`
	Keys             string   `json:"jwks_uri" doc:"The keys of our access tokens."`
	GrantTypes       []string `json:"grant_types_supported" doc:"What can be traded."`
	ResponseTypes    []string `json:"response_types_supported" doc:"None: there is no authorization endpoint."`
	TokenAuthMethods []string `json:"token_endpoint_auth_methods_supported" doc:"Programs are public clients and only name themselves."`
	Documentation    string   `json:"service_documentation" doc:"The description of the API."`
}

type handlers struct {
	service   *Service
	publicURL string
}

// Register adds the operations of programs that sign in.
func Register(r *route.Router, s *Service, publicURL string) {
	h := &handlers{s, publicURL}
	const tag = "Sign-in"
	text := func(doc string) *huma.Schema { return &huma.Schema{Type: "string", Description: doc} }
	clientID := text("What the program calls itself, at most 128 characters; the person is shown it. Programs need no registration.")
	route.Register(r, route.Operation{
		ID: "getAuthorizationServer", Method: http.MethodGet, Path: "/.well-known/oauth-authorization-server", Tag: tag, Own: true,
		Summary: "Get how programs sign in", Description: "The addresses and grant types, as RFC 8414 has them.", Permission: authz.Public, Scope: route.AccountScope,
	}, h.metadata)
	r.Plain(huma.Operation{
		OperationID: "authorizeDevice", Method: http.MethodPost, Path: "/oauth/device/code", Tags: []string{tag}, Summary: "Begin to sign a program in",
		Description: "For programs without a browser (RFC 8628): show the person the code and the page's address, and ask for tokens until they have answered.",
		RequestBody: form([]string{"client_id"}, map[string]*huma.Schema{"client_id": clientID, "scope": text("Ignored: a person's rights are not narrowed by it.")}),
		Responses:   answers(r, route.SchemaOf[codeAnswer](r, "DeviceCode")),
	}, h.begin)
	r.Plain(huma.Operation{
		OperationID: "tradeToken", Method: http.MethodPost, Path: "/oauth/token", Tags: []string{tag}, Summary: "Trade a code or a refresh token for tokens",
		Description: "A device code that was approved (RFC 8628, 3.4) or a refresh token (RFC 6749, 6). A refresh token works once; one that is shown again ends its session, with all tokens of it.",
		RequestBody: form([]string{"grant_type", "client_id"}, map[string]*huma.Schema{
			"grant_type": text("What is traded: " + deviceGrantType + " or refresh_token."), "client_id": clientID,
			"device_code": text("For the first grant type: the program's code."), "refresh_token": text("For the second: the token."),
		}),
		Responses: answers(r, route.SchemaOf[tokenAnswer](r, "Tokens")),
	}, h.trade)
}

func form(required []string, fields map[string]*huma.Schema) *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/x-www-form-urlencoded": {Schema: &huma.Schema{Type: "object", Required: required, Properties: fields}},
	}}
}

func answers(r *route.Router, good *huma.Schema) map[string]*huma.Response {
	refusal := route.SchemaOf[oauthError](r, "OAuthError")
	list := map[string]*huma.Response{}
	for status, words := range map[string]string{
		"200": "OK", "400": "A refusal as RFC 6749 and RFC 8628 name it.", "401": "The client sent a secret; there are none here.", "403": "A page of another site sent this request.",
		"429": "Too many attempts; wait as long as Retry-After says.", "500": "Something went wrong on our side.", "503": "The service cannot answer right now.",
	} {
		schema := refusal
		switch status {
		case "200":
			schema = good
		case "403":
			schema = route.SchemaOf[route.Problem](r, "Problem")
		}
		list[status] = &huma.Response{Description: words, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
	}
	return list
}

type noInput struct{}

func (h *handlers) metadata(context.Context, authz.Pass, *noInput) (metadata, error) {
	return metadata{
		Issuer: h.publicURL, TokenEndpoint: h.publicURL + "/oauth/token", DeviceEndpoint: h.publicURL + "/oauth/device/code",
		Keys: h.publicURL + "/.well-known/jwks.json", GrantTypes: []string{deviceGrantType, "refresh_token"},
		ResponseTypes: []string{}, TokenAuthMethods: []string{"none"}, Documentation: h.publicURL + "/openapi.json",
	}, nil
}

func (h *handlers) begin(w http.ResponseWriter, r *http.Request) {
	values, err := read(w, r)
	if err != nil {
		refuse(w, r, err)
		return
	}
	made, err := h.service.begin(r.Context(), route.RequestInfo(r.Context()).Client(), values.Get("client_id"))
	if err != nil {
		refuse(w, r, err)
		return
	}
	page := h.publicURL + "/device"
	write(w, http.StatusOK, codeAnswer{
		DeviceCode: made.device, UserCode: shownCode(made.user), VerificationURI: page,
		VerificationURIComplete: page + "?" + url.Values{"user_code": {shownCode(made.user)}}.Encode(),
		ExpiresIn:               int64(Life.Seconds()), Interval: int64(Interval.Seconds()),
	})
}

func (h *handlers) trade(w http.ResponseWriter, r *http.Request) {
	values, err := read(w, r)
	if err != nil {
		refuse(w, r, err)
		return
	}
	client, name := route.RequestInfo(r.Context()).Client(), values.Get("client_id")
	var got tokens
	switch code, token := values.Get("device_code"), values.Get("refresh_token"); {
	case values.Get("grant_type") == deviceGrantType && code != "":
		got, err = h.service.trade(r.Context(), client, name, code)
	case values.Get("grant_type") == "refresh_token" && token != "":
		got, err = h.service.refresh(r.Context(), client, name, token)
	case values.Get("grant_type") == deviceGrantType, values.Get("grant_type") == "refresh_token", values.Get("grant_type") == "":
		err = invalidRequest
	default:
		err = unsupportedGrant
	}
	if err != nil {
		refuse(w, r, err)
		return
	}
	write(w, http.StatusOK, tokenAnswer{got.access, "Bearer", int64(got.expires.Std().Sub(h.service.db.Now().Std()).Seconds()), got.refresh})
}

// read gives the parameters of a request: a form, each of them once, and the client's name among them.
func read(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, invalidRequest
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, invalidRequest
	}
	for _, values := range r.PostForm {
		if len(values) != 1 {
			return nil, invalidRequest
		}
	}
	name, err := clientName(r)
	if err != nil {
		return nil, err
	}
	r.PostForm.Set("client_id", name)
	if name == "" || utf8.RuneCountInString(name) > maxClient || !utf8.ValidString(name) || containsUnprintable(name) {
		return nil, invalidRequest
	}
	return r.PostForm, nil
}

// clientName is what the program calls itself: in the form, or as libraries do it that
// know nothing of public clients, as a user without a password (RFC 6749, 2.3.1).
func clientName(r *http.Request) (string, error) {
	name := r.PostForm.Get("client_id")
	user, secret, basic := r.BasicAuth()
	if secret+r.PostForm.Get("client_secret") != "" {
		return "", invalidClient
	}
	if !basic {
		return name, nil
	}
	user, err := url.QueryUnescape(user)
	if err != nil || (name != "" && name != user) {
		return "", invalidRequest
	}
	return user, nil
}

func containsUnprintable(s string) bool {
	for _, c := range s {
		if !unicode.IsPrint(c) {
			return true
		}
	}
	return false
}

// refuse answers with an error of the standard; what is none of them is a failure of ours.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	var p problem
	if errors.As(err, &p) && p == invalidClient {
		w.Header().Set("WWW-Authenticate", `Basic realm="guildhall"`)
		write(w, http.StatusUnauthorized, oauthError{p, descriptions[p]})
		return
	}
	if errors.As(err, &p) {
		write(w, http.StatusBadRequest, oauthError{p, descriptions[p]})
		return
	}
	e := fault.From(err)
	switch {
	case e.Code == fault.TooManyRequests:
		w.Header().Set("Retry-After", strconv.Itoa(e.RetryAfter))
		write(w, http.StatusTooManyRequests, oauthError{slowDown, e.Detail})
	case e.Status() == http.StatusServiceUnavailable:
		write(w, http.StatusServiceUnavailable, oauthError{"temporarily_unavailable", e.Detail})
	default:
		slog.ErrorContext(r.Context(), "request failed", slog.String("path", r.URL.Path), slog.String("request_id", route.RequestInfo(r.Context()).ID), slog.Any("error", err))
		write(w, http.StatusInternalServerError, oauthError{"server_error", fault.Lookup(fault.Internal).Message})
	}
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Pragma", "no-cache")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone when this fails
}
