package group

import (
	"fmt"
	"slices"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/kind"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// annotation is the same on the wire and at rest.
type annotation struct {
	Key   string `json:"key" doc:"A Kubernetes annotation key, which is in the group once and not reserved."`
	Value string `json:"value" doc:"Any text; all values of a group together have at most 64 KiB."`
}

const maxAnnotations = 64 << 10

type annotationsRequest struct {
	Name        string       `json:"name" doc:"1 to 128 characters."`
	Annotations []annotation `json:"annotations" doc:"At most 100."`
	Scopes      []string     `json:"scopes" enum:"DEPLOYMENTS,STATEFUL_SETS,SERVICES,INGRESS,GATEWAY_API_ROUTES,HPA,PODS,SECRETS,JOBS,CRON_JOBS" doc:"What gets the annotations; each once."`
}

type annotationsBody struct {
	Annotations []annotation `json:"annotations"`
	Scopes      []string     `json:"scopes"`
}

type annotationsGroup struct {
	ID          id.Object    `json:"id" format:"uuid" doc:"The group's id."`
	CreatedAt   time.Time    `json:"created_at" doc:"When it was created."`
	UpdatedAt   time.Time    `json:"updated_at" doc:"When it was last changed."`
	Name        string       `json:"name" doc:"The name."`
	Annotations []annotation `json:"annotations" doc:"The annotations, as they were sent."`
	Scopes      []string     `json:"scopes" enum:"DEPLOYMENTS,STATEFUL_SETS,SERVICES,INGRESS,GATEWAY_API_ROUTES,HPA,PODS,SECRETS,JOBS,CRON_JOBS" doc:"What gets the annotations."`
	Users       int64        `json:"associated_items_count" doc:"How many things use it."`
}

type annotationsService = kind.Service[annotationsBody, annotationsRequest, annotationsGroup]

func newAnnotations(db *store.DB) *annotationsService {
	return kind.New(db, nil, kind.Kind[annotationsBody, annotationsRequest, annotationsGroup]{
		Kind: object.Kind[annotationsBody]{
			Name: authz.KindAnnotationsGroup, Label: "Annotations group",
			Create: audit.AnnotationsGroupCreate, Update: audit.AnnotationsGroupUpdate, Delete: audit.AnnotationsGroupDelete, Restored: audit.AnnotationsGroupRestore,
		},
		Fill: fillAnnotations,
		Show: func(o object.Object[annotationsBody], users int64) annotationsGroup {
			return annotationsGroup{o.ID, o.CreatedAt.Std(), o.UpdatedAt.Std(), o.Name, o.Body.Annotations, o.Body.Scopes, users}
		},
		Read: authz.OrganizationRead, Edit: authz.SettingEdit,
	})
}

func fillAnnotations(checks *fault.Checks, q annotationsRequest, o *object.Object[annotationsBody]) {
	o.Name = route.CheckName(checks, "name", q.Name)
	if len(q.Annotations) > maxEntries {
		checks.Add("annotations", "must be at most %d", maxEntries)
		return
	}
	keys, size := map[string]bool{}, 0
	for i, a := range q.Annotations {
		field := fmt.Sprintf("annotations[%d].key", i)
		checkKey(checks, field, a.Key, slices.Concat(reserved, alsoForAnnotations), append(slices.Clone(reservedWords), "appcommitid"))
		if keys[a.Key] {
			checks.Add(field, "is in the group twice")
		}
		keys[a.Key] = true
		size += len(a.Value)
	}
	if size > maxAnnotations {
		checks.Add("annotations", "must have at most %d bytes of values together", maxAnnotations)
	}
	for i, scope := range q.Scopes {
		if slices.Contains(q.Scopes[:i], scope) {
			checks.Add(fmt.Sprintf("scopes[%d]", i), "is there twice")
		}
	}
	o.Body = annotationsBody{append([]annotation{}, q.Annotations...), append([]string{}, q.Scopes...)}
}

func registerAnnotations(r *route.Router, s *annotationsService) {
	o := kind.Operations{
		Path: "/organization/{organizationId}/annotationsGroups", Parameter: "annotationsGroupId", Tag: "Organization Annotations Group",
		One: "annotations group", Many: "annotations groups",
		List: "listOrganizationAnnotationsGroup", Create: "createOrganizationAnnotationsGroup", Get: "getOrganizationAnnotationsGroup",
		Edit: "editOrganizationAnnotationsGroup", Delete: "deleteOrganizationAnnotationsGroup",
	}
	kind.Register(r, s, o)
	kind.RegisterItems(r, s, o, "getOrganizationAnnotationsGroupAssociatedItems")
}
