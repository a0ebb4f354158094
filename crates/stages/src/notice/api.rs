//! API actions of notices.
use super::NoticeStage;
use signet_base::json;
use signet_model::{FieldDef, FieldKind, Model, Verb};
use signet_rest::form::FILE;
use signet_rest::{Accepts, Action, ApiResult, Call, Fault, Output, Permission, Reply, run};

const SENT: &[FieldDef] = &[FieldDef { widget: FILE, ..FieldDef::plain("file", FieldKind::Text).required() }];
const COUNTED: &[FieldDef] = &[FieldDef::shown("words", FieldKind::Int)];

pub fn actions() -> Vec<Action> {
    vec![
        Action::post(
            "stages/notice/count",
            Permission::Model(Verb::Add),
            "How many words a text file has.",
            run!(count),
        )
        .about(NoticeStage::DEF.full_name())
        .accepts(Accepts::Multipart, 4 * 1024 * 1024)
        .input(SENT)
        .output(Output::Members("WordCount", COUNTED)),
    ]
}

async fn count(call: &mut Call) -> ApiResult {
    signet_rest::form::read(call, SENT, false).await?;
    let file = call.content.file("file").ok_or_else(|| Fault::invalid("file", "No file was submitted."))?;
    let text =
        std::str::from_utf8(&file.bytes).map_err(|_| Fault::invalid("file", "The file is no text."))?;
    Ok(Reply::ok(json!({"words": text.split_whitespace().count()})))
}
