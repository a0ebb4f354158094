//! Authenticator models by AAGUID, for names and allow lists, from vendors' publications. A model that is not
//! listed can still be allowed by its AAGUID.
use signet_base::{Json, Uuid, json};

/// An authenticator that does not disclose its model.
pub const UNKNOWN: Uuid = Uuid::nil();

const NAMES: &[(&str, &str)] = &[
    // Passkey providers.
    ("bada5566-a7aa-401f-bd96-45619a55120d", "1Password"),
    ("fbfc3007-154e-4ecc-8c0b-6e020557d7bd", "Apple Passwords"),
    ("d548826e-79b4-db40-a3d8-11116f7e8349", "Bitwarden"),
    ("adce0002-35bc-c60a-648b-0b25f1f05503", "Chrome on Mac"),
    ("b5397666-4885-aa6b-cebf-e52262a439a2", "Chromium Browser"),
    ("531126d6-e717-415c-9320-3d9aa6981239", "Dashlane"),
    ("de503f9c-21a4-4f76-b4b7-558eb55c6f89", "Devolutions"),
    ("771b48fd-d3d4-4f74-9232-fc157ab0507a", "Edge on Mac"),
    ("f3809540-7f14-49c1-a8b3-8f813b225541", "Enpass"),
    ("ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4", "Google Password Manager"),
    ("dd4ec289-e01d-41c9-bb89-70fa845d4bf2", "iCloud Keychain (managed)"),
    ("39a5647e-1853-446c-a1f6-a79bae9f5bc7", "IDmelon"),
    ("bfc748bb-3429-4faa-b9f9-7cfa9f3b76d0", "iPasswords"),
    ("a10c6dd9-465e-4226-8198-c7c44b91c555", "Kaspersky Password Manager"),
    ("eaecdef2-1c31-5634-8639-f1cbd9c00a08", "KeePassDX"),
    ("fdb141b2-5d84-443e-8a35-4698c205a502", "KeePassXC"),
    ("0ea242b4-43c4-4a1b-8b17-dd6d0b6baec6", "Keeper"),
    ("b78a0a55-6ef8-d246-a042-ba0f6d55050c", "LastPass"),
    ("22248c4c-7a12-46e2-9a41-44291b373a4d", "LogMeOnce"),
    ("de1e552d-db1d-4423-a619-566b625cdc84", "Microsoft Authenticator for Android"),
    ("90a3ccdf-635c-4729-a248-9b709135078f", "Microsoft Authenticator for iOS"),
    ("d3452668-01fd-4c12-926c-83a4204853aa", "Microsoft Password Manager"),
    ("b84e4048-15dc-4dd0-8640-f4f60813c8af", "NordPass"),
    ("50726f74-6f6e-5061-7373-50726f746f6e", "Proton Pass"),
    ("53414d53-554e-4700-0000-000000000000", "Samsung Pass"),
    ("66a0ccb3-bd6a-191f-ee06-e375c50b9846", "Thales Bio iOS SDK"),
    ("8836336a-f590-0921-301d-46427531eee6", "Thales Bio Android SDK"),
    ("08987058-cadc-4b81-b6e1-30de50dcbe96", "Windows Hello"),
    ("9ddd1817-af5a-4672-a2b9-3e3dd95000a9", "Windows Hello"),
    ("6028b017-b1d4-4c02-b4b3-afcdafc96bb2", "Windows Hello"),
    ("b35a26b2-8f6e-4697-ab1d-d44db4da28c6", "Zoho Vault"),
    // Security keys.
    ("e1a96183-5016-4f24-b55b-e3ae23614cc6", "ATKey.Pro CTAP2.0"),
    ("e416201b-afeb-41ca-a03d-2281c28322aa", "ATKey.Pro CTAP2.1"),
    ("9c835346-796b-4c27-8898-d6032f515cc5", "Cryptnox FIDO2"),
    ("12ded745-4bed-47d4-abaa-e713f51d6393", "Feitian AllinOne FIDO2"),
    ("77010bd7-212a-4fc9-b236-d2ca5e9d4084", "Feitian BioPass FIDO2"),
    ("833b721a-ff5f-4d00-bb2e-bdda3ec01e29", "Feitian ePass FIDO2"),
    ("ee041bce-25e5-4cdb-8f86-897fd6418464", "Feitian ePass FIDO2-NFC"),
    ("3e22415d-7fdf-4ea4-8a0c-dd60c4249b9d", "Feitian iePass FIDO"),
    ("42b4fb4a-2866-43b2-9bf7-6c6669c2e5d3", "Google Titan Security Key v2"),
    ("3b1adb99-0dfe-46fd-90b8-7f7614a4de2a", "GoTrust Idem Key"),
    ("4d41190c-7beb-4a84-8018-adf265a6352d", "Thales IDPrime FIDO Bio"),
    ("efb96b10-a9ee-4b6c-a4a9-d32125ccd4a4", "SafeNet eToken FIDO"),
    ("8876631b-d4a0-427f-5773-0ec71c9e0279", "Solo"),
    ("ab32f0c6-2239-afbb-c470-d2ef4e254db7", "TOKEN2 FIDO2 Security Key"),
    ("f8a011f3-8c0a-4d15-8006-17111f9edc7d", "Security Key by Yubico"),
    ("b92c3f9a-c014-4056-887f-140a2501163b", "Security Key by Yubico"),
    ("149a2021-8ef6-4133-96b8-81f8d5b7f1f5", "Security Key by Yubico with NFC"),
    ("a4e9fc6d-4cbe-4758-b8ba-37598bb5bbaa", "Security Key NFC by Yubico"),
    ("cb69481e-8ff7-4039-93ec-0a2729a154a8", "YubiKey 5 Series (firmware 5.1)"),
    ("ee882879-721c-4913-9775-3dfcce97072a", "YubiKey 5 Series"),
    ("fa2b99dc-9e39-4257-8f92-4a30d23c4118", "YubiKey 5 Series with NFC (firmware 5.1)"),
    ("2fc0579f-8113-47ea-b116-bb5a8db9202a", "YubiKey 5 Series with NFC"),
    ("d7781e5d-e353-46aa-afe2-3ca49f13332a", "YubiKey 5 Series with NFC (firmware 5.7)"),
    ("c5ef55ff-ad9a-4b9f-b580-adebafe026d0", "YubiKey 5 Series with Lightning"),
    ("73bb0cd4-e502-49b8-9c6f-b59445bf720b", "YubiKey 5 FIPS Series"),
    ("c1f9a0bc-1dd2-404a-b27f-8e29047a43fd", "YubiKey 5 FIPS Series with NFC"),
    ("85203421-48f9-4355-9bc8-8a53846e5083", "YubiKey 5 FIPS Series with Lightning"),
    ("d8522d9f-575b-4866-88a9-ba99fa02f35b", "YubiKey Bio Series"),
];

/// All models with a name, the unknown one first.
pub fn all() -> impl Iterator<Item = (Uuid, &'static str)> {
    let named = NAMES.iter().filter_map(|(id, name)| Some((Uuid::parse_str(id).ok()?, *name)));
    std::iter::once((UNKNOWN, "Unknown authenticator")).chain(named)
}
pub fn name(aaguid: Uuid) -> Option<&'static str> {
    all().find(|(id, _)| *id == aaguid).map(|(_, name)| name)
}
/// `WebAuthnDeviceType` in the API.
pub fn present(aaguid: Uuid) -> Json {
    let description = name(aaguid).map_or_else(|| aaguid.to_string(), str::to_owned);
    json!({"aaguid": aaguid, "description": description})
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn every_line_is_a_model_of_its_own() {
        let ids: std::collections::HashSet<Uuid> = all().map(|(id, _)| id).collect();
        assert_eq!(ids.len(), NAMES.len() + 1);
        assert_eq!(
            name(Uuid::parse_str("ee882879-721c-4913-9775-3dfcce97072a").unwrap()),
            Some("YubiKey 5 Series")
        );
        let other = Uuid::from_u128(1);
        assert_eq!(present(other), json!({"aaguid": other, "description": other.to_string()}));
    }
}
