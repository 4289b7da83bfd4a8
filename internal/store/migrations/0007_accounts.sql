-- Accounts: what is proved by a link that was sent. Only the hash of a link's secret
-- is kept; there is one link in force for a purpose and a subject, which is an account
-- or, before there is one, the key of an address.

CREATE TABLE proof (
  secret_hash BYTEA PRIMARY KEY,
  purpose     TEXT NOT NULL,
  subject     TEXT NOT NULL,
  email       TEXT NOT NULL,
  credentials BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL,
  UNIQUE (purpose, subject)
);
CREATE INDEX proof_subject ON proof (subject);
CREATE INDEX proof_end ON proof (expires_at);
