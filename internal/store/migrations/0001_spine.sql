-- The spine: heads, accounts, organizations, members, API tokens, objects, events, jobs.
-- TEXT compares by bytes; moments are microseconds UTC, 0 = never.

CREATE TABLE setting (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

CREATE TABLE organization_head (
  organization_id TEXT PRIMARY KEY,
  kind            TEXT NOT NULL,
  seq             BIGINT NOT NULL,
  rights_seq      BIGINT NOT NULL,
  hash            BYTEA NOT NULL,
  mac             BYTEA NOT NULL,
  changed         BIGINT NOT NULL
);
CREATE INDEX organization_head_changed ON organization_head (changed);

CREATE TABLE account (
  id                     TEXT PRIMARY KEY,
  email                  TEXT NOT NULL,
  email_key              TEXT NOT NULL UNIQUE,
  communication_email    TEXT NOT NULL,
  first_name             TEXT NOT NULL,
  last_name              TEXT NOT NULL,
  nickname               TEXT NOT NULL,
  picture_url            TEXT NOT NULL,
  password_hash          TEXT NOT NULL,
  organization_limit     BIGINT NOT NULL,
  credentials_changed_at BIGINT NOT NULL,
  verified_at            BIGINT NOT NULL,
  disabled_at            BIGINT NOT NULL,
  created_at             BIGINT NOT NULL,
  updated_at             BIGINT NOT NULL
);

CREATE TABLE organization (
  id                             TEXT PRIMARY KEY,
  name                           TEXT NOT NULL,
  name_key                       TEXT NOT NULL UNIQUE,
  plan                           TEXT NOT NULL,
  body                           TEXT NOT NULL,
  billing_deployment_restriction TEXT,
  version                        BIGINT NOT NULL,
  created_at                     BIGINT NOT NULL,
  updated_at                     BIGINT NOT NULL,
  deleted_at                     BIGINT NOT NULL
);

CREATE TABLE member (
  organization_id TEXT NOT NULL REFERENCES organization (id),
  user_id         TEXT NOT NULL REFERENCES account (id),
  role            TEXT NOT NULL,
  joined_at       BIGINT NOT NULL,
  PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX member_user ON member (user_id);
CREATE UNIQUE INDEX member_one_owner ON member (organization_id) WHERE role = 'OWNER';

CREATE TABLE api_token (
  id              TEXT PRIMARY KEY,
  organization_id TEXT NOT NULL REFERENCES organization (id),
  name            TEXT NOT NULL,
  name_key        TEXT NOT NULL,
  description     TEXT NOT NULL,
  role            TEXT NOT NULL,
  token_hash      BYTEA NOT NULL UNIQUE,
  hint            TEXT NOT NULL,
  created_by      TEXT NOT NULL REFERENCES account (id),
  created_at      BIGINT NOT NULL,
  updated_at      BIGINT NOT NULL,
  expires_at      BIGINT NOT NULL,
  last_used_at    BIGINT NOT NULL,
  UNIQUE (organization_id, name_key)
);

CREATE TABLE object (
  id              TEXT PRIMARY KEY,
  kind            TEXT NOT NULL,
  organization_id TEXT NOT NULL REFERENCES organization (id),
  project_id      TEXT NOT NULL,
  environment_id  TEXT NOT NULL,
  mode            TEXT NOT NULL,
  name            TEXT NOT NULL,
  name_key        TEXT NOT NULL,
  version         BIGINT NOT NULL,
  body            TEXT NOT NULL,
  sealed          TEXT NOT NULL,
  created_at      BIGINT NOT NULL,
  updated_at      BIGINT NOT NULL,
  deleted_at      BIGINT NOT NULL
);
CREATE UNIQUE INDEX object_name ON object (organization_id, kind, project_id, environment_id, name_key) WHERE deleted_at = 0;
CREATE INDEX object_project ON object (project_id);

CREATE TABLE object_reference (
  organization_id TEXT NOT NULL,
  from_id         TEXT NOT NULL,
  to_id           TEXT NOT NULL,
  role            TEXT NOT NULL,
  PRIMARY KEY (from_id, to_id, role)
);
CREATE INDEX object_reference_to ON object_reference (to_id);

CREATE TABLE event (
  organization_id TEXT NOT NULL,
  seq             BIGINT NOT NULL,
  id              TEXT NOT NULL,
  at              BIGINT NOT NULL,
  action          TEXT NOT NULL,
  event_type      TEXT NOT NULL,
  target_type     TEXT NOT NULL,
  target_id       TEXT NOT NULL,
  target_name     TEXT NOT NULL,
  sub_target_type TEXT NOT NULL,
  triggered_by    TEXT NOT NULL,
  actor_id        TEXT NOT NULL,
  origin          TEXT NOT NULL,
  project_id      TEXT NOT NULL,
  project_name    TEXT NOT NULL,
  environment_id  TEXT NOT NULL,
  environment_name TEXT NOT NULL,
  payload         BYTEA,
  digest          BYTEA NOT NULL,
  hash            BYTEA NOT NULL,
  PRIMARY KEY (organization_id, seq)
);
CREATE INDEX event_target ON event (organization_id, target_type, target_id, seq);
CREATE INDEX event_at ON event (organization_id, at);

CREATE TABLE data_key (
  id              TEXT PRIMARY KEY,
  organization_id TEXT NOT NULL,
  wrapped         BYTEA NOT NULL,
  created_at      BIGINT NOT NULL
);
CREATE INDEX data_key_organization ON data_key (organization_id);

CREATE TABLE signing_key (
  id          TEXT PRIMARY KEY,
  public_key  TEXT NOT NULL,
  private_key TEXT NOT NULL,
  created_at  BIGINT NOT NULL,
  retired_at  BIGINT NOT NULL
);

CREATE TABLE setup_link (
  token_hash BYTEA PRIMARY KEY,
  expires_at BIGINT NOT NULL
);

CREATE TABLE idempotency (
  actor_id        TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  request_hash    BYTEA NOT NULL,
  answer          BYTEA NOT NULL,
  created_at      BIGINT NOT NULL,
  PRIMARY KEY (actor_id, idempotency_key)
);
CREATE INDEX idempotency_created ON idempotency (created_at);

CREATE TABLE job (
  id         TEXT PRIMARY KEY,
  kind       TEXT NOT NULL,
  payload    TEXT NOT NULL,
  due_at     BIGINT NOT NULL,
  leased_to  BIGINT NOT NULL,
  attempts   BIGINT NOT NULL,
  last_error TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX job_due ON job (due_at);

INSERT INTO organization_head (organization_id, kind, seq, rights_seq, hash, mac, changed)
VALUES ('00000000-0000-0000-0000-000000000000', 'server', 0, 0, '', '', 0);
