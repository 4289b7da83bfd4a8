package organization

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// onboardingAnswer tells a console whether to show its first steps.
type onboardingAnswer struct {
	UseCases *string `json:"use_cases" nullable:"true" doc:"What the owner wants to use the platform for, comma-separated, from their sign-up record; null where there is none."`
	Status   string  `json:"status" enum:"IN_PROGRESS,DISMISSED,COMPLETED" doc:"How far the first steps are."`
}

type onboardingRequest struct {
	Status string `json:"status" enum:"IN_PROGRESS,DISMISSED,COMPLETED" doc:"How far the first steps are."`
}

// registerOnboarding adds the operations of the first steps.
func registerOnboarding(r *route.Router, h *handlers) {
	const tag, path = "Organization Main Calls", "/organization/{organizationId}/onboarding"
	route.Register(r, route.Operation{
		ID: "getOrganizationOnboarding", Method: http.MethodGet, Path: path, Tag: tag, Summary: "Get organization onboarding",
		Permission: authz.OrganizationRead, Scope: route.InOrganization,
	}, h.onboarding)
	route.Register(r, route.Operation{
		ID: "updateOrganizationOnboarding", Method: http.MethodPost, Path: path, Tag: tag, Summary: "Update organization onboarding",
		Permission: authz.OrganizationEdit, Scope: route.InOrganization, Shows: "getOrganizationOnboarding", Refusals: []fault.Code{fault.IdempotencyReused},
	}, h.setOnboarding)
}

func (h *handlers) onboarding(ctx context.Context, pass authz.Pass, _ *route.OrganizationPath) (onboardingAnswer, error) {
	return loadOnboarding(h.service.db.Reader(ctx), pass.Organization())
}

type onboardingInput struct {
	route.OrganizationPath
	Body onboardingRequest
}

func (h *handlers) setOnboarding(ctx context.Context, pass authz.Pass, in *onboardingInput) (onboardingAnswer, error) {
	return h.service.setOnboarding(ctx, pass, in.Body.Status)
}

func (s *Service) setOnboarding(ctx context.Context, pass authz.Pass, status string) (onboardingAnswer, error) {
	return store.Write(ctx, s.db, pass, func(tx *store.Tx) (onboardingAnswer, error) {
		o, _, err := load(tx, pass.Organization())
		if err != nil {
			return onboardingAnswer{}, err
		}
		before, err := loadOnboarding(tx, o.ID)
		if err != nil {
			return before, err
		}
		after := onboardingAnswer{before.UseCases, status}
		if _, err := tx.Exec(`UPDATE organization SET onboarding = $2 WHERE id = $1`, o.ID, status); err != nil {
			return after, err
		}
		return after, s.record(tx, pass, audit.OrganizationUpdate, o, before, after)
	})
}

func loadOnboarding(q store.Querier, organization id.Organization) (onboardingAnswer, error) {
	return store.One(q, `SELECT o.onboarding, a.sign_up FROM organization o
		JOIN member m ON m.organization_id = o.id AND m.role = 'OWNER' JOIN account a ON a.id = m.user_id WHERE o.id = $1`,
		func(s store.Scan) (a onboardingAnswer, err error) {
			var signUp string
			if err = s(&a.Status, &signUp); err != nil || signUp == "" {
				return a, err
			}
			var kept struct {
				Request struct {
					UseCases string `json:"qovery_usage"`
				} `json:"request"`
			}
			err = json.Unmarshal([]byte(signUp), &kept)
			a.UseCases = &kept.Request.UseCases
			return a, err
		}, organization)
}
