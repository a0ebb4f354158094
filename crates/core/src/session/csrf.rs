//! CSRF tokens.
use super::{CSRF_COOKIE, WebSession, Write};
use crate::{Client, Core};

impl WebSession {
    /// The token for forms, bound to the session.
    pub fn csrf(&mut self, core: &Core) -> String {
        if self.key.is_empty() {
            self.rekey(core);
            self.write = self.write.max(Write::Relaxed);
        }
        core.vault.sign("csrf", self.key.as_bytes())
    }
    /// The token of an existing session.
    pub fn csrf_if_known(&self, core: &Core) -> Option<String> {
        (!self.key.is_empty()).then(|| core.vault.sign("csrf", self.key.as_bytes()))
    }
    /// `Set-Cookie` for scripts, which send the token back as `X-authentik-CSRF`.
    pub fn csrf_cookie(&self, core: &Core, client: &Client) -> String {
        core.cookie(client, CSRF_COOKIE, &core.vault.sign("csrf", self.key.as_bytes()), None, false)
    }
    pub fn csrf_fits(&self, core: &Core, sent: &str) -> bool {
        !self.key.is_empty() && core.vault.signature_fits("csrf", self.key.as_bytes(), sent)
    }
}
