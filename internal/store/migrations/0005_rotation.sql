-- Rotation of the master key: which key (its fingerprint; '' = the one the database
-- is tied to) wraps a data key, and the same data key wrapped by the key to come.

ALTER TABLE data_key ADD COLUMN master TEXT NOT NULL DEFAULT '';
ALTER TABLE data_key ADD COLUMN next_wrapped BYTEA;
ALTER TABLE data_key ADD COLUMN next_master TEXT NOT NULL DEFAULT '';
