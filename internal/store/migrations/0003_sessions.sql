-- Sessions: a sign-in, by browser or by API, until it ends. Secrets are kept as their hash.

CREATE TABLE session (
  id           TEXT PRIMARY KEY,
  user_id      TEXT NOT NULL,
  secret_hash  BYTEA NOT NULL UNIQUE,
  kind         TEXT NOT NULL,
  credentials  BIGINT NOT NULL,
  address      TEXT NOT NULL,
  user_agent   TEXT NOT NULL,
  created_at   BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL
);
CREATE INDEX session_of_user ON session (user_id);
CREATE INDEX session_end ON session (expires_at);
