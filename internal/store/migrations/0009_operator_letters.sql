-- Letters of the operator: announcements, and the usage reports of a week or a month.
-- announcement_letter holds who has got an announcement while it is being sent; a
-- usage_report row says that a period's report of an organization was made.

CREATE TABLE announcement (
  id              TEXT PRIMARY KEY,
  kind            TEXT NOT NULL,
  subject         TEXT NOT NULL,
  message         TEXT NOT NULL,
  organization_id TEXT NOT NULL,
  starts_at       BIGINT NOT NULL,
  ends_at         BIGINT NOT NULL,
  letters         BIGINT NOT NULL,
  reached         TEXT NOT NULL,
  created_at      BIGINT NOT NULL,
  finished_at     BIGINT NOT NULL
);
CREATE INDEX announcement_created ON announcement (created_at);

CREATE TABLE announcement_letter (
  announcement_id TEXT NOT NULL REFERENCES announcement (id),
  address_key     TEXT NOT NULL,
  PRIMARY KEY (announcement_id, address_key)
);

CREATE TABLE usage_report (
  organization_id TEXT NOT NULL REFERENCES organization (id),
  period_kind     TEXT NOT NULL,
  period_start    BIGINT NOT NULL,
  created_at      BIGINT NOT NULL,
  PRIMARY KEY (organization_id, period_kind, period_start)
);
CREATE INDEX usage_report_created ON usage_report (created_at);

CREATE TABLE report_subscription (
  id              TEXT PRIMARY KEY,
  organization_id TEXT NOT NULL REFERENCES organization (id),
  period_kind     TEXT NOT NULL,
  address         TEXT NOT NULL,
  address_key     TEXT NOT NULL,
  token_hash      BYTEA NOT NULL UNIQUE,
  sealed          TEXT NOT NULL,
  ended_at        BIGINT NOT NULL,
  created_at      BIGINT NOT NULL,
  UNIQUE (organization_id, period_kind, address_key)
);
