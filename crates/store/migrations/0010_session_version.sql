-- Requests of one session at the same moment: whoever writes its state names the version that it was made from.
ALTER TABLE session ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
