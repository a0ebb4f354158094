-- One row, held by every commit that may take the last administrator away: see rows/administrators.rs.
CREATE TABLE administrator_guard (
    one BIGINT NOT NULL CONSTRAINT administrator_guard__one PRIMARY KEY CHECK (one = 1),
    there BIGINT NOT NULL
);
INSERT INTO administrator_guard (one, there) VALUES (1, 0);
