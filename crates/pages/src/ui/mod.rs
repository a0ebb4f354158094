//! Components of sign-in pages, also for stages in other crates.

mod actions;
mod fields;
mod person;
mod qr;

pub use actions::{
    NoticeKind, button_again, button_danger, button_primary, button_secondary, divider, errors,
    hidden_notice, link, link_button, link_primary, notice, notice_said, other_ways, source_button, trace,
    without_script,
};
pub use fields::{
    Choice, Field, Input, checkbox, code_field, field, hidden, hidden_username, new_password_field,
    password_field, radio_group, select, text_code_field, textarea,
};
pub use person::{Person, monogram, person_chip};
pub use qr::qr_code;
