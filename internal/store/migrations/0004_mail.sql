-- Letters that wait to be sent, sealed; and the lanes of the job queue.

CREATE TABLE mail (
  id             TEXT PRIMARY KEY,
  sealed         TEXT NOT NULL,
  handed_over_at BIGINT NOT NULL,
  created_at     BIGINT NOT NULL
);

ALTER TABLE job ADD COLUMN lane TEXT NOT NULL DEFAULT '';
