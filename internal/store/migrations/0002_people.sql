-- People: custom roles with their grants above the lowest level, invitations,
-- the sign-up record and the onboarding of organizations.

CREATE TABLE role (
  id              TEXT PRIMARY KEY,
  organization_id TEXT NOT NULL REFERENCES organization (id),
  name            TEXT NOT NULL,
  name_key        TEXT NOT NULL,
  description     TEXT NOT NULL,
  version         BIGINT NOT NULL,
  created_at      BIGINT NOT NULL,
  updated_at      BIGINT NOT NULL,
  UNIQUE (organization_id, name_key)
);

CREATE TABLE role_grant (
  role_id         TEXT NOT NULL REFERENCES role (id),
  organization_id TEXT NOT NULL,
  target_kind     TEXT NOT NULL,
  target_id       TEXT NOT NULL,
  mode            TEXT NOT NULL,
  level           TEXT NOT NULL,
  PRIMARY KEY (role_id, target_id, mode)
);
CREATE INDEX role_grant_target ON role_grant (target_id);

CREATE TABLE invitation (
  id              TEXT PRIMARY KEY,
  organization_id TEXT NOT NULL REFERENCES organization (id),
  email           TEXT NOT NULL,
  email_key       TEXT NOT NULL,
  role            TEXT NOT NULL,
  inviter_id      TEXT NOT NULL REFERENCES account (id),
  created_at      BIGINT NOT NULL,
  updated_at      BIGINT NOT NULL,
  expires_at      BIGINT NOT NULL,
  UNIQUE (organization_id, email_key)
);
CREATE INDEX invitation_email ON invitation (email_key);

ALTER TABLE account ADD COLUMN last_seen_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN sign_up TEXT NOT NULL DEFAULT '';
ALTER TABLE organization ADD COLUMN onboarding TEXT NOT NULL DEFAULT 'IN_PROGRESS';
