package credential

import (
	"context"
	"encoding/json"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

// Kinds are the kinds of things that credentials are.
var Kinds = []authz.Kind{authz.KindAWSCredentials, authz.KindGCPCredentials, authz.KindAzureCredentials, authz.KindScalewayCredentials, authz.KindOnPremiseCredentials}

// undoing is what goes back on the changes of one cloud's credentials.
type undoing interface {
	Revert(ctx context.Context, pass authz.Pass, target string, state json.RawMessage) error
	Restore(ctx context.Context, pass authz.Pass, target, name string) error
}

// of gives the service of the pass's credentials.
func (s *Service) of(pass authz.Pass) (undoing, error) {
	switch pass.Scope().Kind {
	case authz.KindAWSCredentials:
		return s.aws, nil
	case authz.KindGCPCredentials:
		return s.gcp, nil
	case authz.KindAzureCredentials:
		return s.azure, nil
	case authz.KindScalewayCredentials:
		return s.scaleway, nil
	case authz.KindOnPremiseCredentials:
		return s.onPremise, nil
	}
	return nil, fault.New(fault.NotFound, "")
}

// Revert edits the pass's credentials back to how an event showed them.
func (s *Service) Revert(ctx context.Context, pass authz.Pass, target string, state json.RawMessage) error {
	of, err := s.of(pass)
	if err != nil {
		return err
	}
	return of.Revert(ctx, pass, target, state)
}

// Restore brings the pass's credentials back.
func (s *Service) Restore(ctx context.Context, pass authz.Pass, target, name string) error {
	of, err := s.of(pass)
	if err != nil {
		return err
	}
	return of.Restore(ctx, pass, target, name)
}
