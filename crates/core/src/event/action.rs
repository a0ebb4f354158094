//! What an event is about: one list for the API, the log and the audit.
use std::borrow::Cow;
use std::fmt;

/// How the audit sorts events. The words are those of its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditType {
    Login,
    Logout,
    PermissionDenied,
    ConfigurationChange,
    /// Whatever else happened.
    Other,
}
impl AuditType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Logout => "logout",
            Self::PermissionDenied => "permission_denied",
            Self::ConfigurationChange => "configuration_change",
            Self::Other => "other",
        }
    }
}

/// Begins the words that scripts and expressions make up.
pub const CUSTOM_PREFIX: &str = "custom_";

macro_rules! actions {
    ($($variant:ident $word:literal $label:literal $audit:ident)*) => {
        /// The actions of the contract (authentik-features §9.1).
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum EventAction {
            $($variant,)*
            /// One that a script or an expression made up, without the prefix.
            Custom(String),
        }
        impl EventAction {
            /// All but those that are made up, in the order of the contract.
            pub const ALL: &'static [EventAction] = &[$(EventAction::$variant,)*];

            /// The word on the wire.
            pub fn word(&self) -> Cow<'static, str> {
                match self {
                    $(EventAction::$variant => Cow::Borrowed($word),)*
                    EventAction::Custom(rest) => Cow::Owned(format!("{CUSTOM_PREFIX}{rest}")),
                }
            }
            /// The name for people.
            pub fn label(&self) -> &str {
                match self {
                    $(EventAction::$variant => $label,)*
                    EventAction::Custom(rest) => rest,
                }
            }
            pub fn audit_type(&self) -> AuditType {
                match self {
                    $(EventAction::$variant => AuditType::$audit,)*
                    EventAction::Custom(_) => AuditType::Other,
                }
            }
        }
    };
}

actions! {
    Login "login" "Login" Login
    LoginFailed "login_failed" "Login Failed" Login
    Logout "logout" "Logout" Logout
    UserWrite "user_write" "User Write" ConfigurationChange
    UserOffboarded "user_offboarded" "User Offboarded" ConfigurationChange
    SuspiciousRequest "suspicious_request" "Suspicious Request" PermissionDenied
    PasswordSet "password_set" "Password Set" ConfigurationChange
    SecretView "secret_view" "Secret View" Other
    SecretRotate "secret_rotate" "Secret Rotate" ConfigurationChange
    InvitationUsed "invitation_used" "Invite Used" Other
    AuthorizeApplication "authorize_application" "Authorize Application" Other
    SourceLinked "source_linked" "Source Linked" ConfigurationChange
    ImpersonationStarted "impersonation_started" "Impersonation Started" Login
    ImpersonationEnded "impersonation_ended" "Impersonation Ended" Logout
    FlowExecution "flow_execution" "Flow Execution" Other
    PolicyExecution "policy_execution" "Policy Execution" PermissionDenied
    PolicyException "policy_exception" "Policy Exception" PermissionDenied
    PropertyMappingException "property_mapping_exception" "Property Mapping Exception" Other
    SystemTaskExecution "system_task_execution" "System Task Execution" Other
    SystemTaskException "system_task_exception" "System Task Exception" Other
    SystemException "system_exception" "System Exception" Other
    ConfigurationError "configuration_error" "Configuration Error" Other
    ConfigurationWarning "configuration_warning" "Configuration Warning" Other
    ModelCreated "model_created" "Model Created" ConfigurationChange
    ModelUpdated "model_updated" "Model Updated" ConfigurationChange
    ModelDeleted "model_deleted" "Model Deleted" ConfigurationChange
    EmailSent "email_sent" "Email Sent" Other
    UpdateAvailable "update_available" "Update Available" Other
    ExportReady "export_ready" "Export Ready" Other
    ReviewInitiated "review_initiated" "Review Initiated" Other
    ReviewOverdue "review_overdue" "Review Overdue" Other
    ReviewAttested "review_attested" "Review Attested" Other
    ReviewCompleted "review_completed" "Review Completed" Other
    AccessRequestCreated "access_request_created" "Access Request Created" Other
    AccessRequestApproved "access_request_approved" "Access Request Approved" ConfigurationChange
    AccessRequestDenied "access_request_denied" "Access Request Denied" PermissionDenied
    AccessRequestRevoked "access_request_revoked" "Access Request Revoked" ConfigurationChange
}

impl EventAction {
    /// The action with this word.
    pub fn parse(word: &str) -> Option<Self> {
        match word.strip_prefix(CUSTOM_PREFIX) {
            Some(rest) => Some(Self::Custom(rest.to_owned())),
            None => Self::ALL.iter().find(|action| action.word() == word).cloned(),
        }
    }
}

impl fmt::Display for EventAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_and_only_known_ones() {
        for action in EventAction::ALL {
            assert_eq!(EventAction::parse(&action.word()).as_ref(), Some(action));
        }
        assert_eq!(EventAction::parse("custom_door").map(|a| a.to_string()), Some("custom_door".to_owned()));
        assert_eq!(EventAction::parse("Login"), None);
        assert_eq!(EventAction::parse(""), None);
    }
    #[test]
    fn the_audit_types_of_the_guide_each_have_actions() {
        for wanted in ["login", "logout", "permission_denied", "configuration_change"] {
            assert!(EventAction::ALL.iter().any(|a| a.audit_type().as_str() == wanted), "{wanted}");
        }
        assert_eq!(EventAction::LoginFailed.audit_type(), AuditType::Login);
        assert_eq!(EventAction::PolicyExecution.audit_type(), AuditType::PermissionDenied);
        assert_eq!(EventAction::Custom("x".into()).audit_type(), AuditType::Other);
    }
}
