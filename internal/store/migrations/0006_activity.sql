-- Activity: what one actor did, and what happened in one project, without reading
-- everything else that happened.

CREATE INDEX event_actor ON event (organization_id, triggered_by, seq);
CREATE INDEX event_project ON event (organization_id, project_id, seq) WHERE project_id <> '';
