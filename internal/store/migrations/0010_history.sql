-- History and undo. event_subject says which events tell of a thing beside the one that
-- they are about; a deleted_row is what a deletion took away, whole, until it is put back
-- or its time of grace is over.

CREATE TABLE event_subject (
  organization_id TEXT NOT NULL,
  subject_id      TEXT NOT NULL,
  seq             BIGINT NOT NULL,
  PRIMARY KEY (organization_id, subject_id, seq)
);

CREATE TABLE deleted_row (
  organization_id TEXT NOT NULL REFERENCES organization (id),
  id              TEXT NOT NULL,
  kind            TEXT NOT NULL,
  name            TEXT NOT NULL,
  user_id         TEXT NOT NULL,
  body            TEXT NOT NULL,
  deleted_at      BIGINT NOT NULL,
  PRIMARY KEY (organization_id, id)
);
CREATE INDEX deleted_row_time ON deleted_row (deleted_at);
CREATE INDEX deleted_row_user ON deleted_row (user_id) WHERE user_id <> '';
CREATE INDEX object_deleted ON object (organization_id, deleted_at) WHERE deleted_at <> 0;
