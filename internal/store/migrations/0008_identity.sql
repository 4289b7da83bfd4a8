-- Who somebody is at a provider of identities, and sign-ins of programs without a
-- browser. Secrets are kept as their hash.

CREATE TABLE identity (
  id         TEXT PRIMARY KEY,
  user_id    TEXT NOT NULL REFERENCES account (id),
  issuer     TEXT NOT NULL,
  subject    TEXT NOT NULL,
  email      TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (issuer, subject)
);
CREATE INDEX identity_user ON identity (user_id);

CREATE TABLE device_grant (
  id          TEXT PRIMARY KEY,
  device_hash BYTEA NOT NULL UNIQUE,
  user_hash   BYTEA NOT NULL UNIQUE,
  client      TEXT NOT NULL,
  address     TEXT NOT NULL,
  user_agent  TEXT NOT NULL,
  state       TEXT NOT NULL,
  user_id     TEXT NOT NULL,
  credentials BIGINT NOT NULL,
  created_at  BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL
);
CREATE INDEX device_grant_end ON device_grant (expires_at);

CREATE TABLE refresh_grant (
  session_id  TEXT PRIMARY KEY REFERENCES session (id) ON DELETE CASCADE,
  family_hash BYTEA NOT NULL UNIQUE,
  secret_hash BYTEA NOT NULL,
  client      TEXT NOT NULL
);
