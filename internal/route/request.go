package route

import (
	"context"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authn"
)

// Info is what is known of a request before anybody asks who sent it. The rim
// fills it in; the log line reads what the operation adds.
type Info struct {
	ID        string
	Path      string
	Address   string
	UserAgent string
	// Operation and Actor are filled in on the way, for the log and the metrics.
	Operation string
	Actor     string

	lasting context.Context // see Lasting
}

type infoKey struct{}

// WithInfo ties the request's info to its context.
func WithInfo(ctx context.Context, i *Info) context.Context {
	i.lasting = context.WithValue(ctx, infoKey{}, i)
	return i.lasting
}

// Lasting is a request's context without the deadline that requests have, for an answer
// that goes on: it ends with the connection.
func Lasting(ctx context.Context) context.Context {
	if i := RequestInfo(ctx); i.lasting != nil {
		return i.lasting
	}
	return ctx
}

// RequestInfo gives the request's info; an empty one outside a request.
func RequestInfo(ctx context.Context) *Info {
	if i, ok := ctx.Value(infoKey{}).(*Info); ok {
		return i
	}
	return &Info{}
}

// Client is where the request came from, as events keep it.
func (i *Info) Client() authn.Client {
	return authn.Client{Address: i.Address, UserAgent: i.UserAgent, Origin: origin(i.UserAgent), RequestID: i.ID}
}

// origin tells the public clients apart by the user agents that they send.
func origin(userAgent string) string {
	switch {
	case strings.HasPrefix(userAgent, "CLI"):
		return "CLI"
	case strings.HasPrefix(userAgent, "Terraform provider"):
		return "TERRAFORM_PROVIDER"
	}
	return "API"
}

// secretSegments stand before a part of a path that is a secret: an invitation's id.
var secretSegments = []string{"/inviteMember/"}

// LogPath is a path without the secrets in it, as the log may hold it.
func LogPath(path string) string {
	for _, before := range secretSegments {
		head, rest, found := strings.Cut(path, before)
		if !found {
			continue
		}
		_, tail, more := strings.Cut(rest, "/")
		path = head + before + "(secret)"
		if more {
			path += "/" + tail
		}
	}
	return path
}
