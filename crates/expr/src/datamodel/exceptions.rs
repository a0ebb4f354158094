//! The engine's classes for exceptions of models.
use crate::CallError;
use monty_types::ExcType;

/// What stands for the exceptions of models: kinds that nothing else raises, see `_host_exceptions`.
pub(crate) fn exception(error: &CallError) -> ExcType {
    match error {
        CallError::DoesNotExist(model) if model == "User" => ExcType::DecimalClamped,
        CallError::DoesNotExist(model) if model == "Group" => ExcType::DecimalInexact,
        CallError::DoesNotExist(_) => ExcType::DecimalFloatOperation,
        CallError::MultipleObjects(model) if model == "User" => ExcType::DecimalRounded,
        CallError::MultipleObjects(model) if model == "Group" => ExcType::DecimalSubnormal,
        CallError::MultipleObjects(_) => ExcType::DecimalUnderflow,
        _ => ExcType::RuntimeError,
    }
}
/// The name under which Python knows such a kind.
pub(crate) fn exception_name(kind: ExcType) -> Option<&'static str> {
    match kind {
        ExcType::DecimalClamped | ExcType::DecimalInexact | ExcType::DecimalFloatOperation => {
            Some("DoesNotExist")
        }
        ExcType::DecimalRounded | ExcType::DecimalSubnormal | ExcType::DecimalUnderflow => {
            Some("MultipleObjectsReturned")
        }
        _ => None,
    }
}
