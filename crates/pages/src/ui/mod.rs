//! Building blocks for sign-in pages. Stages in other crates put their challenges together from these.

mod actions;
mod fields;
mod person;

pub use actions::{Kind, button_primary, button_secondary, divider, errors, link, link_button, link_primary, notice, other_ways, source_button, trace};
pub use fields::{Choice, Field, Input, checkbox, code_field, field, hidden, password_field, radio_group, select, textarea};
pub use person::{Person, monogram, person_chip};
