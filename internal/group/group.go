// Package group keeps the groups of labels and annotations that an organization hangs
// on its services and clusters.
package group

import (
	"regexp"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Service changes both kinds of groups.
type Service struct {
	Labels      *labelsService
	Annotations *annotationsService
}

// NewService makes the service.
func NewService(db *store.DB) *Service { return &Service{newLabels(db), newAnnotations(db)} }

// Register adds the operations of groups.
func Register(r *route.Router, s *Service) {
	registerLabels(r, s.Labels)
	registerAnnotations(r, s.Annotations)
}

// maxEntries bounds the entries of one group.
const maxEntries = 100

var (
	keyName   = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
	keyPrefix = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
)

// reserved are the beginnings of keys that belong to Kubernetes, to the clouds, or to
// what deploys the services; words are whole keys of that sort.
var (
	reserved           = []string{"kubernetes.io/", "k8s.io/", "aws", "eks:"}
	reservedWords      = []string{"appid", "envid", "cluster_id", "organization_id"}
	alsoForAnnotations = []string{"meta.helm.sh/", "checksum/"}
)

// checkKey tells what is wrong with a key by the rules of Kubernetes: an optional
// domain and a slash, then a name.
func checkKey(checks *fault.Checks, field, key string, beginnings, words []string) {
	prefix, name, found := strings.Cut(key, "/")
	if !found {
		prefix, name = "", key
	}
	lower := strings.ToLower(key)
	switch {
	case !keyName.MatchString(name):
		checks.Add(field, "must be a Kubernetes key: a name of at most 63 letters, digits, '-', '_' and '.' that begins and ends with a letter or digit, with an optional domain and '/' before it")
		return
	case found && (len(prefix) > 253 || !keyPrefix.MatchString(prefix)):
		checks.Add(field, "must have a domain in lower case before the '/', of at most 253 characters")
		return
	case strings.Contains(lower, "qovery.com"):
		checks.Add(field, "is reserved: it names qovery.com")
		return
	}
	for _, beginning := range beginnings {
		if strings.HasPrefix(lower, beginning) {
			checks.Add(field, "is reserved: it begins with %q", beginning)
			return
		}
	}
	for _, word := range words {
		if lower == word {
			checks.Add(field, "is reserved")
			return
		}
	}
}
