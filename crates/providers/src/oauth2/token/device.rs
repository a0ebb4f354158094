//! `urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 §3.4). No endpoint issues device codes yet, so
//! every code is unknown.
use super::grant::{Call, Grant, Redemption};
use crate::oauth2::errors::{OAuthError, Outcome};
use crate::oauth2::model::GrantType;
use async_trait::async_trait;

pub struct DeviceCode;

#[async_trait]
impl Grant for DeviceCode {
    fn kind(&self) -> GrantType {
        GrantType::DeviceCode
    }
    async fn redeem(&self, call: &Call<'_>) -> Outcome<Redemption> {
        call.need("device_code")?;
        Err(OAuthError::invalid_grant().because("The device code is unknown").into())
    }
}
