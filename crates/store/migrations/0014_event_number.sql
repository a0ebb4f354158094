-- Events are numbered as they are written, so that a seal can cover them in order. Within one database a number is never
-- given twice and later commits have greater ones; missing ones belong to commits that were undone, or to events that
-- are past their retention. (On PostgreSQL a commit under way may still bring a smaller number than one that is seen.)
CREATE TABLE event_numbered (
    number {id},
    id TEXT NOT NULL,
    actor TEXT NOT NULL,
    username TEXT NOT NULL,
    action TEXT NOT NULL,
    app TEXT NOT NULL,
    context TEXT NOT NULL,
    client_ip TEXT NOT NULL,
    brand TEXT NOT NULL,
    model_app TEXT NOT NULL,
    model_name TEXT NOT NULL,
    model_pk TEXT NOT NULL,
    authorized_app TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT
);
INSERT INTO event_numbered (id, actor, username, action, app, context, client_ip, brand, model_app, model_name, model_pk, authorized_app, created, expires)
    SELECT id, actor, username, action, app, context, client_ip, brand, model_app, model_name, model_pk, authorized_app, created, expires FROM event ORDER BY created, id;
DROP TABLE event;
-- The index of words is made anew at start.
DROP TABLE IF EXISTS event_search;
ALTER TABLE event_numbered RENAME TO event;
CREATE UNIQUE INDEX event__id ON event (id);
CREATE INDEX event_created ON event (created, id);
CREATE INDEX event_action ON event (action, created);
CREATE INDEX event_username ON event (username, created);
CREATE INDEX event_client_ip ON event (client_ip, created);
CREATE INDEX event_app ON event (app, created);
CREATE INDEX event_expires ON event ((COALESCE(expires, -1)), created);
CREATE INDEX event_about ON event (model_app, model_name, model_pk) WHERE model_pk <> '';
CREATE INDEX event_authorized ON event (authorized_app) WHERE authorized_app <> '';
