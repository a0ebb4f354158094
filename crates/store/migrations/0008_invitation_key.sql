-- An invitation's key lets people in: its row is found by a digest, and the key itself is sealed. Those made before are
-- withdrawn: their rows hold the key in the clear.
DELETE FROM invitation;
ALTER TABLE invitation ADD COLUMN sealed TEXT NOT NULL DEFAULT '';
