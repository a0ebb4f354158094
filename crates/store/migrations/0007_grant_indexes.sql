-- One index for what somebody holds, within a session, of a family. With three of them every new token changed a page of each.
DROP INDEX oauth_token_user_id;
DROP INDEX oauth_token_family;
DROP INDEX oauth_token_in_session;
CREATE INDEX oauth_token_held ON oauth_token (user_id, session, family);
DROP INDEX oauth_code_user_id;
DROP INDEX oauth_code_session;
DROP INDEX oauth_code_family;
CREATE INDEX oauth_code_held ON oauth_code (user_id, session, family);
