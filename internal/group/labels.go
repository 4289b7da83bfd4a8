package group

import (
	"fmt"
	"regexp"
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

// label is the same on the wire and at rest.
type label struct {
	Key       string `json:"key" doc:"A Kubernetes label key, which is in the group once and not reserved."`
	Value     string `json:"value" doc:"At most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit; may be empty."`
	Propagate bool   `json:"propagate_to_cloud_provider" doc:"Whether the cloud's resources get it as a tag."`
}

type labelsRequest struct {
	Name   string  `json:"name" doc:"1 to 128 characters."`
	Labels []label `json:"labels" doc:"At most 100."`
}

type labelsBody struct {
	Labels []label `json:"labels"`
}

type labelsGroup struct {
	ID        id.Object `json:"id" format:"uuid" doc:"The group's id."`
	CreatedAt time.Time `json:"created_at" doc:"When it was created."`
	UpdatedAt time.Time `json:"updated_at" doc:"When it was last changed."`
	Name      string    `json:"name" doc:"The name."`
	Labels    []label   `json:"labels" doc:"The labels, as they were sent."`
	Users     int64     `json:"associated_items_count" doc:"How many things use it."`
}

type labelsService = kind.Service[labelsBody, labelsRequest, labelsGroup]

func newLabels(db *store.DB) *labelsService {
	return kind.New(db, nil, kind.Kind[labelsBody, labelsRequest, labelsGroup]{
		Kind: object.Kind[labelsBody]{
			Name: authz.KindLabelsGroup, Label: "Labels group",
			Create: audit.LabelsGroupCreate, Update: audit.LabelsGroupUpdate, Delete: audit.LabelsGroupDelete, Restored: audit.LabelsGroupRestore,
		},
		Fill: fillLabels,
		Show: func(o object.Object[labelsBody], users int64) labelsGroup {
			return labelsGroup{o.ID, o.CreatedAt.Std(), o.UpdatedAt.Std(), o.Name, o.Body.Labels, users}
		},
		Read: authz.OrganizationRead, Edit: authz.SettingEdit,
	})
}

var labelValue = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`)

func fillLabels(checks *fault.Checks, q labelsRequest, o *object.Object[labelsBody]) {
	o.Name = route.CheckName(checks, "name", q.Name)
	if len(q.Labels) > maxEntries {
		checks.Add("labels", "must be at most %d", maxEntries)
		return
	}
	keys := map[string]bool{}
	for i, l := range q.Labels {
		field := fmt.Sprintf("labels[%d]", i)
		checkKey(checks, field+".key", l.Key, reserved, reservedWords)
		if keys[l.Key] {
			checks.Add(field+".key", "is in the group twice")
		}
		keys[l.Key] = true
		if !labelValue.MatchString(l.Value) {
			checks.Add(field+".value", "must be at most 63 letters, digits, '-', '_' and '.' that begin and end with a letter or digit, or empty")
		}
	}
	o.Body.Labels = append([]label{}, q.Labels...)
}

func registerLabels(r *route.Router, s *labelsService) {
	o := kind.Operations{
		Path: "/organization/{organizationId}/labelsGroups", Parameter: "labelsGroupId", Tag: "Organization Labels Group",
		One: "labels group", Many: "labels groups",
		List: "listOrganizationLabelsGroup", Create: "createOrganizationLabelsGroup", Get: "getOrganizationLabelssGroup",
		Edit: "editOrganizationLabelsGroup", Delete: "deleteOrganizationLabelsGroup",
	}
	kind.Register(r, s, o)
	kind.RegisterItems(r, s, o, "getOrganizationLabelsGroupAssociatedItems")
}
